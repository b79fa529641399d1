"""Check that the scores that a run depends on are measured."""

from collections.abc import Iterator, Mapping

from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import Runner

from mmdeeplab.engine.checks.schedules import schedules
from mmdeeplab.engine.hooks.checkpoint_hook import CheckpointHook as OwnCheckpointHook
from mmdeeplab.engine.hooks.early_stopping import EarlyStopping
from mmdeeplab.errors import UserError, did_you_mean


def check_scores(runner: Runner, scores: Mapping[str, object]) -> None:
    """Refuse hooks and schedules that depend on a score which the evaluation does not give.

    Args:
        runner: The runner with its hooks and schedules.
        scores: The scores of an evaluation, by name.

    Raises:
        UserError: A score is missing, or ``save_best='auto'`` finds none that it can take.
    """
    for hook in runner.hooks:
        if isinstance(hook, OwnCheckpointHook):
            hook.choose_score(scores)
    for setting, score in watched(runner):
        if score not in scores:
            raise UserError(
                f'{setting}={score} is no score of the evaluation, which gives {", ".join(scores)}'
                f'{did_you_mean(score, scores)}'
            )


def watched(runner: Runner) -> Iterator[tuple[str, str]]:
    """Yield (config key, score) for each score that chooses the best checkpoint, stops the run, or
    changes the learning rate."""
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
    """Refuse a run without validation if a score stops it or changes its learning rate.

    Raises:
        UserError: There is no validation.
    """
    waiting = [
        f'{setting}={score}' for setting, score in watched(runner) if 'save_best' not in setting
    ]
    if waiting and runner.val_loop is None:
        raise UserError(
            f'{waiting[0]} needs validation, and the run has none: set val_dataloader, val_cfg and '
            'val_evaluator'
        )
