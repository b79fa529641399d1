"""Check that learning rate schedules fit the length of the run."""

from collections.abc import Iterator
from typing import Any

from mmengine.optim import (
    ConstantParamScheduler,
    CosineAnnealingParamScheduler,
    LinearParamScheduler,
    MultiStepParamScheduler,
    OneCycleParamScheduler,
    PolyParamScheduler,
    _ParamScheduler,
)
from mmengine.runner import BaseLoop, Runner

from mmdeeplab.engine.loops import counts_epochs

# Shares of the length of a run: a schedule that ends between these ends with it.
EARLY, LATE = 0.99, 1.1
TO_AN_END = (
    PolyParamScheduler,
    CosineAnnealingParamScheduler,
    LinearParamScheduler,
    OneCycleParamScheduler,
)


def misfits(runner: Runner) -> list[str]:
    """One sentence, with both numbers, for each schedule that does not fit the length of the run.

    Parts that follow each other count as one schedule. A schedule that is only a warm-up may end
    before the run does.
    """
    return [text for group in schedules(runner) for text in _of_group(group, runner.train_loop)]


def schedules(runner: Runner) -> list[list[_ParamScheduler]]:
    """The schedulers of the run, one list for each optimiser."""
    built: Any = runner.param_schedulers or []
    return list(built.values()) if isinstance(built, dict) else [built]


def _of_group(schedulers: list[_ParamScheduler], loop: BaseLoop) -> Iterator[str]:
    timed = {i: s for i, s in enumerate(schedulers) if not hasattr(s, 'monitor')}
    faults = {i: text for i, s in timed.items() if (text := _of_part(s, loop))}
    for name in dict.fromkeys(s.param_name for s in timed.values()):
        parts = {i: s for i, s in timed.items() if s.param_name == name}
        last = max(parts, key=lambda i: _end(parts[i]) / _length(parts[i], loop))
        end, length = _end(parts[last]), _length(parts[last], loop)
        if end < EARLY * length and not all(map(_is_warm_up, parts.values())):
            text = f'ends at {_unit(parts[last])} {end}, the run at {length}: {name} stays then'
            faults.setdefault(last, f'{text}; set end={length}, or leave end out')
    for i, text in faults.items():
        yield f'param_scheduler.{i} ({type(timed[i]).__name__}) {text}'


def _of_part(scheduler: _ParamScheduler, loop: BaseLoop) -> str:
    """Sentences about what is wrong with a single scheduler."""
    if scheduler.by_epoch and not counts_epochs(loop):
        return (
            f'counts epochs, and the run counts iterations ({loop.max_iters}): '
            f'{scheduler.param_name} never changes; set by_epoch=False, or train by epochs'
        )
    begin, end, length = scheduler.begin, _end(scheduler), _length(scheduler, loop)
    unit, until = _unit(scheduler), f'the run ends at {length}'
    if begin >= length:
        return f'begins at {unit} {begin}, and {until}: it has no effect'
    if _is_warm_up(scheduler):
        return f'warms up until {unit} {end}, and {until}' if end > length else ''
    if isinstance(scheduler, MultiStepParamScheduler):
        late = [begin + step for step in sorted(scheduler.milestones) if begin + step >= length]
        return f'has steps at {unit} {", ".join(map(str, late))}, and {until}' if late else ''
    if isinstance(scheduler, TO_AN_END) and end > LATE * length:
        return (
            f'ends at {unit} {end}, long after the run, which ends at {length}; set end={length}, '
            'or leave end out'
        )
    return ''


def _length(scheduler: _ParamScheduler, loop: BaseLoop) -> int:
    """Length of the run in the scheduler's unit, iterations or epochs."""
    return loop.max_epochs if scheduler.by_epoch else loop.max_iters


def _end(scheduler: _ParamScheduler) -> int:
    """The iteration or epoch at which a scheduler reaches its last value."""
    if isinstance(scheduler, CosineAnnealingParamScheduler):
        return scheduler.begin + scheduler.T_max
    return scheduler.end


def _unit(scheduler: _ParamScheduler) -> str:
    return 'epoch' if scheduler.by_epoch else 'iteration'


def _is_warm_up(scheduler: _ParamScheduler) -> bool:
    """Whether a scheduler is a warm-up: it ends at the value that the optimiser was given."""
    linear = isinstance(scheduler, LinearParamScheduler) and scheduler.end_factor == 1
    return linear or isinstance(scheduler, ConstantParamScheduler)
