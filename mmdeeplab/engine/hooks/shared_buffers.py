"""Validate on all ranks with the same BatchNorm statistics."""

from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.load import unwrap


class SharedBuffersHook(Hook):
    """Before validation, copy rank 0's buffers to all ranks, since checkpoints hold rank 0's.

    Plain BatchNorm has running statistics of the images of its own rank. Training does not use
    them, but validation would score networks that are in no checkpoint.
    """

    def before_val(self, runner: Runner) -> None:
        if dist.get_world_size() > 1:
            for buffer in unwrap(runner.model).buffers():
                dist.broadcast(buffer, 0)
