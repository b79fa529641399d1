"""Dropout and its like, drawn for the iteration and the rank."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.randomness import derive, seed_all


class StepSeedHook(Hook):
    """Seed every generator before each step, so that a resumed run need not replay the past."""

    priority = 'VERY_LOW'  # after hooks that may draw

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        seed_all(derive('step', runner.seed, runner.iter, runner.rank))
