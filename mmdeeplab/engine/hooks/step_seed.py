"""Make the random numbers of a step, such as dropout's, depend only on iteration and rank."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.randomness import derive, seed_all


class StepSeedHook(Hook):
    """Seed all random generators before each step; a resumed run then draws the same numbers."""

    priority = 'VERY_LOW'  # after hooks that may draw

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        seed_all(derive('step', runner.seed, runner.iter, runner.rank))
