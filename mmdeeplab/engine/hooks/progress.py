"""Show progress and the remaining time: bars on a terminal, otherwise lines in the log."""

from time import monotonic

from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm

from mmdeeplab.console import gap
from mmdeeplab.registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show a progress bar for each loop: training, validation and test.

    If standard error is not a terminal, a line is logged every 20 seconds instead, and after some
    minutes whenever another twentieth of the time so far has passed.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._loops: dict[str, _Loop] = {}

    def before_train(self, runner: Runner) -> None:
        self._loops['training'] = _Loop(runner, 'training', runner.max_iters, runner.iter)

    def after_train_iter(self, *args: object, **kwargs: object) -> None:
        self._loops['training'].step()

    def after_train(self, runner: Runner) -> None:
        self._close('training')

    def before_val_epoch(self, runner: Runner) -> None:
        self._loops['evaluating'] = _Loop(runner, 'evaluating', len(runner.val_dataloader))

    def after_val_iter(self, *args: object, **kwargs: object) -> None:
        self._loops['evaluating'].step()

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self._close('evaluating')

    def before_test_epoch(self, runner: Runner) -> None:
        self._loops['testing'] = _Loop(runner, 'testing', len(runner.test_dataloader))

    def after_test_iter(self, *args: object, **kwargs: object) -> None:
        self._loops['testing'].step()

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self._close('testing')

    def _close(self, name: str) -> None:
        if name in self._loops:
            self._loops.pop(name).bar.close()


class _Loop:
    """The progress of one loop; only the first rank shows it."""

    def __init__(self, runner: Runner, name: str, total: int, done: int = 0) -> None:
        self.logger, self.name, self.total = runner.logger, name, total
        self.first = self.done = done
        self.begin = self.last_line = monotonic()
        main = dist.is_main_process()
        # None: only where standard error is a terminal
        disable = None if main else True
        self.bar = tqdm(
            desc=name, total=total, initial=done, leave=False, disable=disable, unit='it'
        )
        self.writes_lines = main and self.bar.disable

    def step(self) -> None:
        self.bar.update()
        self.done += 1
        now = monotonic()
        elapsed = now - self.begin
        if self.writes_lines and now - self.last_line >= gap(elapsed):
            self.last_line = now
            left = elapsed * (self.total - self.done) / (self.done - self.first)
            self.logger.info(f'{self.name}: {self.done:,} of {self.total:,}, {left:.0f} s left')
