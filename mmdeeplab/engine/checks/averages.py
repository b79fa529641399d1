"""Check the averages of the weights that hooks keep."""

from collections.abc import Iterable

from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner

from mmdeeplab.config.registered import find_class
from mmdeeplab.engine.loops import counts_epochs
from mmdeeplab.errors import UserError


def check_averages(hooks: Iterable[Hook]) -> None:
    """Refuse what MMEngine's ``EMAHook`` cannot average by, and several of them.

    Raises:
        UserError: There are two, or there is no class of the name ``ema_type``.
    """
    averages = [hook for hook in hooks if isinstance(hook, EMAHook)]
    for hook in averages:
        find_class(hook.ema_cfg['type'], ('model', type(hook).__name__, 'ema'))
    if len(averages) > 1:
        names = ' and '.join(type(hook).__name__ for hook in averages)
        raise UserError(
            f'custom_hooks: {names} would swap their averages with each other, and training go on '
            'from one of them (MeanTeacherHook is an EMAHook, too): keep one'
        )


def check_begins(runner: Runner) -> None:
    """Refuse averages that begin after the end of the run.

    Raises:
        UserError: It names the key and both numbers.
    """
    for hook in runner.hooks:
        if not isinstance(hook, EMAHook):
            continue
        if hook.begin_epoch and not counts_epochs(runner.train_loop):
            raise UserError(
                f'EMAHook.begin_epoch={hook.begin_epoch}: the run counts iterations; use begin_iter'
            )
        unit = 'epoch' if hook.begin_epoch else 'iter'
        begin, end = getattr(hook, f'begin_{unit}'), getattr(runner, f'max_{unit}s')
        if begin > end:
            raise UserError(f'EMAHook.begin_{unit}={begin} is after the end of the run, {end}')
