"""One set of batch statistics for evaluation on several ranks."""

from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.load import unwrap


class SharedBuffersHook(Hook):
    """Before validation every rank takes rank 0's buffers, those that a checkpoint holds.

    Plain BatchNorm keeps running statistics of its own rank's images. They play no part in
    training; without this, validation would score a network that no checkpoint restores.
    """

    def before_val(self, runner: Runner) -> None:
        if dist.get_world_size() > 1:
            for buffer in unwrap(runner.model).buffers():
                dist.broadcast(buffer, 0)
