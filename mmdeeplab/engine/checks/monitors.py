"""Whether what a run watches is measured."""

from collections.abc import Iterator, Mapping

from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import Runner

from mmdeeplab.engine.checks.schedules import schedules
from mmdeeplab.engine.hooks.early_stopping import EarlyStopping
from mmdeeplab.errors import UserError, did_you_mean


def check_scores(runner: Runner, scores: Mapping[str, object]) -> None:
    """Every score that something waits for must be one of the evaluation.

    Args:
        runner: With its hooks and schedules.
        scores: What an evaluation gives, by name.

    Raises:
        UserError: One is not.
    """
    for where, key in watched(runner):
        if key not in scores:
            raise UserError(
                f'{where}={key} is no score of the evaluation, which gives {", ".join(scores)}'
                f'{did_you_mean(key, scores)}'
            )


def watched(runner: Runner) -> Iterator[tuple[str, str]]:
    """Key of the config and name of the score, for each that chooses, stops or changes a rate."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            keys = getattr(hook, 'key_indicators', None) or []
            yield from (('default_hooks.checkpoint.save_best', k) for k in keys if k != 'auto')
        elif isinstance(hook, EarlyStopping):
            yield 'early_stopping.monitor', hook.monitor
        elif isinstance(hook, EarlyStoppingHook):
            yield 'EarlyStoppingHook.monitor', hook.monitor
    for group in schedules(runner):
        for i, scheduler in enumerate(group):
            if hasattr(scheduler, 'monitor'):
                yield f'param_scheduler.{i}.monitor', scheduler.monitor


def check_has_validation(runner: Runner) -> None:
    """What stops a run or changes a rate by a score needs validation; the best may just not come.

    Raises:
        UserError: There is none.
    """
    waiting = [f'{where}={key}' for where, key in watched(runner) if 'save_best' not in where]
    if waiting and runner.val_loop is None:
        raise UserError(
            f'{waiting[0]} needs validation, and the run has none: set val_dataloader, val_cfg and '
            'val_evaluator'
        )
