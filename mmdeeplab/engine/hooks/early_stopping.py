"""Stop a run that no longer improves."""

from math import inf

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.errors import UserError
from mmdeeplab.registry import HOOKS

KEY = 'early_stopping'  # in the message hub, and so in checkpoints


@HOOKS.register_module()
class EarlyStopping(Hook):
    """End training after ``patience`` validations in a row without an improvement.

    A config asks for it by ``early_stopping = dict(monitor='mIoU', patience=5)``. The count is
    stored in checkpoints, so a resumed run goes on counting. MMEngine's hook forgets it, and
    ignores a ``monitor`` that does not exist.

    Args:
        monitor: Name of a score in the log, such as ``mIoU`` or ``val/loss``. Smaller is better if
            the name contains "loss", otherwise larger.
        patience: Number of validations.
        min_delta: Least difference from the best score so far that counts as an improvement.

    Raises:
        ValueError: The patience is below 1, or ``min_delta`` is negative.
    """

    priority = 'LOW'  # after the best checkpoint is saved

    def __init__(self, monitor: str, patience: int = 5, min_delta: float = 0.0) -> None:
        if patience < 1 or min_delta < 0:
            raise ValueError(
                'early_stopping needs patience >= 1 and min_delta >= 0, got '
                f'patience={patience}, min_delta={min_delta}'
            )
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.sign = -1 if 'loss' in monitor else 1
        self.best, self.waited = -inf, 0

    def before_train(self, runner: Runner) -> None:
        monitor, *state = runner.message_hub.get_info(KEY, [None])
        if monitor == self.monitor:  # otherwise the count is of another score
            self.best, self.waited = state
        if self.waited >= self.patience:
            runner.train_loop.stop_training = True
            runner.logger.warning(
                f'this run was stopped early: {self.monitor} was best at '
                f'{self.sign * self.best:.4f} and did not improve in {self.waited} validations; to '
                'go on, raise early_stopping.patience'
            )

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        scores = metrics or {}
        if self.monitor not in scores:
            raise UserError(
                f'early_stopping.monitor is {self.monitor!r}; validation measures '
                f'{", ".join(scores)}'
            )
        value = self.sign * scores[self.monitor]
        better = value > self.best + self.min_delta  # never for NaN
        self.best, self.waited = (value, 0) if better else (self.best, self.waited + 1)
        runner.message_hub.update_info(KEY, [self.monitor, self.best, self.waited])
        if self.waited >= self.patience:
            runner.train_loop.stop_training = True
            runner.logger.info(
                f'stopped early: {self.monitor} was best at {self.sign * self.best:.4f} and did '
                f'not improve in {self.waited} validations'
            )


def early_stopping(settings: dict) -> EarlyStopping:
    """The hook of a config's ``early_stopping``.

    Raises:
        UserError: An option is unknown or a value impossible.
    """
    try:
        return EarlyStopping(**settings)
    except (TypeError, ValueError) as error:
        raise UserError(f'early_stopping takes monitor, patience and min_delta: {error}') from error
