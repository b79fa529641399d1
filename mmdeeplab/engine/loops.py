"""How long a run is, by iterations or by epochs; an epoch that is entered where it was left."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from mmengine.runner import BaseLoop, IterBasedTrainLoop
from mmengine.runner import EpochBasedTrainLoop as MMEngineEpochBasedTrainLoop

from mmdeeplab.config.registered import find_class
from mmdeeplab.datasets.samplers import ResumableSampler
from mmdeeplab.registry import LOOPS


@LOOPS.register_module()
class EpochBasedTrainLoop(MMEngineEpochBasedTrainLoop):
    """MMEngine's, which a run that was interrupted within an epoch enters where it left.

    With :class:`~mmdeeplab.datasets.samplers.ResumableSampler` the batches are then bit for bit
    those of the run that was never interrupted; other samplers give the same images.
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
        if isinstance(sampler, ResumableSampler) and self.dataloader.batch_size:
            sampler.set_epoch(self._epoch)
            sampler.skip(done * self.dataloader.batch_size)
            return self.dataloader
        return islice(self.dataloader, done, None)


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
