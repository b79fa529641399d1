"""How long a run is, by iterations or by epochs; an epoch that is entered where it was left."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from mmengine.runner import BaseLoop, IterBasedTrainLoop
from mmengine.runner import EpochBasedTrainLoop as MMEngineEpochBasedTrainLoop

from mmdeeplab.config.registered import find_class
from mmdeeplab.datasets.samplers import ExactSampler
from mmdeeplab.errors import UserError
from mmdeeplab.registry import LOOPS

LENGTHS = {True: 'max_epochs', False: 'max_iters'}  # by whether epochs are counted
KINDS = {True: MMEngineEpochBasedTrainLoop, False: IterBasedTrainLoop}
WAYS = (
    "epochs: train_cfg=dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3), "
    "iterations: train_cfg=dict(_delete_=True, type='IterBasedTrainLoop', max_iters=2000, "
    'val_interval=200)'
)


@LOOPS.register_module()
class EpochBasedTrainLoop(MMEngineEpochBasedTrainLoop):
    """MMEngine's, which a run that was interrupted within an epoch enters where it left.

    With :class:`~mmdeeplab.datasets.samplers.ExactSampler` the batches are then bit for bit those
    of the run that was never interrupted; other samplers give the same images.
    """

    def run_epoch(self) -> None:
        """Train on what is left of the epoch."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        for index, batch in enumerate(self._batches(done), done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches(self, done: int) -> Iterable[Any]:
        """The batches of this epoch behind the first ``done``."""
        sampler = self.dataloader.sampler
        if isinstance(sampler, ExactSampler) and self.dataloader.batch_size:
            sampler.set_epoch(self._epoch)
            sampler.skip(done * self.dataloader.batch_size)
            return self.dataloader
        return islice(self.dataloader, done, None)


def choose_loop(
    train_cfg: Mapping[str, Any], inherited: Callable[[str], bool] = lambda key: False
) -> dict[str, Any]:
    """``train_cfg`` with one loop and one length.

    ``by_epoch`` chooses where there are both lengths, as in a child that adds ``by_epoch=True,
    max_epochs=3`` to the iterations of its base; so does ``type`` where the other length is
    ``inherited``. An interval of validation longer than such a run was the base's.

    Raises:
        UserError: Two lengths and no choice, none, or one that is not at least 1.
    """
    loop = dict(train_cfg)
    chosen = loop.pop('by_epoch', None)
    if chosen not in (None, True, False):
        raise UserError(f'train_cfg.by_epoch must be True or False, got {chosen!r}')
    lengths = [key for key in LENGTHS.values() if loop.get(key) is not None]
    cls: Any = find_class(loop['type'], ('train_cfg',)) if loop.get('type') else None
    kind = chosen if chosen is not None else _kind(cls, lengths)
    if chosen is None and kind is not None and len(lengths) == 2 and inherited(LENGTHS[not kind]):
        chosen = kind
    if kind is None:  # a loop of another make
        return loop
    if LENGTHS[kind] not in lengths or (len(lengths) == 2 and chosen is None):
        has = ' and '.join(f'{key}={loop[key]}' for key in lengths) or 'no length'
        what = f'type={loop["type"]!r}' if chosen is None and cls else f'by_epoch={chosen}'
        raise UserError(f'train_cfg has {what} and {has}; write for {WAYS}')
    for key in (LENGTHS[kind], 'val_interval'):
        value = loop.get(key, 1)
        if not isinstance(value, (int, float)) or value != int(value) or value < 1:
            raise UserError(f'train_cfg.{key} must be a whole number of at least 1, got {value}')
    if chosen is not None:
        if loop.pop(LENGTHS[not kind], None) and loop.get('val_interval', 1) > loop[LENGTHS[kind]]:
            loop.pop('val_interval')
        if cls is None or not issubclass(cls, KINDS[kind]):
            loop['type'] = KINDS[kind].__name__
    loop.setdefault('type', KINDS[kind].__name__)
    return loop


def _kind(cls: Any, lengths: list[str]) -> bool | None:
    """Whether a loop counts epochs, by its class or else its length; None where neither tells."""
    if cls is None:
        return 'max_epochs' in lengths
    return next((by_epoch for by_epoch, base in KINDS.items() if issubclass(cls, base)), None)


def by_epoch(loop: Mapping[str, Any]) -> bool:
    """Whether what :func:`choose_loop` gave counts epochs."""
    return bool(_kind(find_class(loop['type'], ('train_cfg',)), []))


def own_loop(loop: Mapping[str, Any]) -> dict[str, Any]:
    """``loop`` with MMEngine's loop over epochs replaced by :class:`EpochBasedTrainLoop`."""
    cls = find_class(loop['type'], ('train_cfg',))
    return dict(loop, type=EpochBasedTrainLoop if cls is MMEngineEpochBasedTrainLoop else cls)


def counts_epochs(loop: BaseLoop) -> bool:
    """Whether ``max_epochs`` is the length of a training loop, rather than ``max_iters``."""
    return isinstance(loop, MMEngineEpochBasedTrainLoop)


def resumes_anywhere(loop: BaseLoop) -> bool:
    """Whether a run can be left after any iteration and go on there."""
    return isinstance(loop, (IterBasedTrainLoop, EpochBasedTrainLoop))


def is_complete(loop: BaseLoop) -> bool:
    """Whether nothing is left to train."""
    if counts_epochs(loop):
        return loop.epoch >= loop.max_epochs
    return loop.iter >= loop.max_iters


def position(loop: BaseLoop, meta: Mapping[str, Any]) -> dict[str, int]:
    """Where a run goes on from the ``meta`` of a checkpoint.

    Where epochs have another length now (batch size, processes, data), the same share of the epoch
    is done. A run by iterations may go on by epochs and the other way round.

    Returns:
        ``epoch`` and ``iter``.
    """
    if not counts_epochs(loop):
        return dict(epoch=0, iter=meta['iter'])
    length, before = len(loop.dataloader), meta.get('epoch_length')
    if not before:
        return dict(epoch=meta['iter'] // length, iter=meta['iter'])
    done = meta['iter'] - meta['epoch'] * before
    return dict(epoch=meta['epoch'], iter=meta['epoch'] * length + done * length // before)
