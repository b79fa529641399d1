"""Training by iterations or epochs, also from the middle of an epoch."""

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
    """MMEngine's loop; a run that was interrupted within an epoch resumes there.

    With a :class:`~mmdeeplab.datasets.samplers.ResumableSampler` the batches are bit for bit those
    of a run without interruption; with other samplers they have the same images.
    """

    def run_epoch(self) -> None:
        """Train on the batches that are left of the epoch."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        for index, batch in enumerate(self._batches(done), done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches(self, done: int) -> Iterable[Any]:
        """The batches of this epoch, without the first ``done``."""
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
    """The position from which a run resumes, from the ``meta`` of its checkpoint.

    If epochs have another length now (batch size, number of processes, data), the same share of the
    epoch counts as done. A run by iterations may resume by epochs, and the other way round.

    Returns:
        The numbers ``epoch`` and ``iter``.
    """
    if not counts_epochs(loop):
        return dict(epoch=0, iter=meta['iter'])
    length, old_length = len(loop.dataloader), meta.get('epoch_length')
    if not old_length:
        return dict(epoch=meta['iter'] // length, iter=meta['iter'])
    done = meta['iter'] - meta['epoch'] * old_length
    return dict(epoch=meta['epoch'], iter=meta['epoch'] * length + done * length // old_length)
