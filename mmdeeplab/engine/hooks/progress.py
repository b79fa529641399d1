"""Progress bars with the time left, on a terminal; a log file gets the logger's lines instead."""

from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm

from mmdeeplab.registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """A bar a loop: training (all iterations), validation and test (all batches)."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._bars: dict[str, tqdm] = {}

    def _open(self, name: str, total: int, done: int = 0) -> None:
        # None: only where standard error is a terminal
        disable = None if dist.is_main_process() else True
        self._bars[name] = tqdm(
            desc=name, total=total, initial=done, leave=False, disable=disable, unit='it'
        )

    def _close(self, name: str) -> None:
        if name in self._bars:
            self._bars.pop(name).close()

    def before_train(self, runner: Runner) -> None:
        self._open('training', runner.max_iters, runner.iter)

    def after_train_iter(self, *args: object, **kwargs: object) -> None:
        self._bars['training'].update()

    def after_train(self, runner: Runner) -> None:
        self._close('training')

    def before_val_epoch(self, runner: Runner) -> None:
        self._open('evaluating', len(runner.val_dataloader))

    def after_val_iter(self, *args: object, **kwargs: object) -> None:
        self._bars['evaluating'].update()

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self._close('evaluating')

    def before_test_epoch(self, runner: Runner) -> None:
        self._open('testing', len(runner.test_dataloader))

    def after_test_iter(self, *args: object, **kwargs: object) -> None:
        self._bars['testing'].update()

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self._close('testing')
