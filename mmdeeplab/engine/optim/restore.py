"""Restore the optimiser and its schedules on resume, under the same or under new settings."""

import copy
import warnings
from typing import TYPE_CHECKING, Any

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.engine.optim.param_groups import parameter_order, regrouped
from mmdeeplab.engine.run_settings import settings
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.runner import Runner

OPTIMIZER, SCHEDULERS = 'optimizer_class', 'param_scheduler_classes'
ORDER = 'parameter_order'  # in which the optimiser numbers its parameters
PROGRESS = ('last_step', '_global_step', '_last_value')


def restore_schedule(
    runner: 'Runner', checkpoint: dict, filename: str, with_schedulers: bool = True
) -> None:
    """Restore the optimiser's state (momentum, ...) and its schedules.

    With unchanged settings everything is as saved, bit for bit. Settings that have changed
    (learning rate, weight decay, schedule, length) apply as if they had been so since iteration 0.

    Raises:
        UserError: The optimiser is of another class or has other parameters.
    """
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    schedulers = []
    if runner.param_schedulers is not None and with_schedulers:
        schedulers = runner.build_param_scheduler(runner.param_schedulers)
        if not isinstance(schedulers, list):
            raise UserError('runs with several optimisers cannot be resumed')
    runner.optim_wrapper = wrapper
    if schedulers:
        runner.param_schedulers = schedulers
    saved, fresh, meta = checkpoint['optimizer'], wrapper.state_dict(), checkpoint['meta']
    saved = regrouped(saved, wrapper.optimizer, unwrap(runner.model), meta.get(ORDER, []))
    _check_same_optimizer(saved, fresh, meta, kinds(runner), filename)
    if scale_changed(meta, runner):
        saved = {key: value for key, value in saved.items() if key != 'loss_scaler'}
    states = checkpoint.get('param_schedulers', [])
    same_classes = meta.get(SCHEDULERS, kinds(runner)[SCHEDULERS]) == kinds(runner)[SCHEDULERS]
    names = {scheduler.param_name for scheduler in schedulers}
    same_settings = _constants(saved, names) == _constants(fresh, names)
    if same_settings and same_classes and _same_plan(schedulers, states):
        wrapper.load_state_dict(saved)
        for scheduler, state in zip(schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        return
    runner.logger.warning(
        'the settings of the optimiser or its schedule changed: the new ones apply, as if they '
        'had held since iteration 0'
    )
    new_settings = {
        key: fresh[key] for key in ('param_groups', 'base_param_settings') if key in fresh
    }
    wrapper.load_state_dict({**saved, **copy.deepcopy(new_settings)})
    _replay(schedulers, meta)


def kinds(runner: 'Runner') -> dict:
    """The classes of the optimiser and its schedules, for ``meta`` of a checkpoint."""
    schedulers = runner.param_schedulers or []
    optimizer: Any = getattr(runner.optim_wrapper, 'optimizer', None)
    return {
        ORDER: parameter_order(optimizer, unwrap(runner.model)) if optimizer is not None else [],
        OPTIMIZER: _class(optimizer),
        SCHEDULERS: [_class(s) for s in (schedulers if isinstance(schedulers, list) else [])],
    }


def _class(instance: object) -> str:
    return f'{type(instance).__module__}.{type(instance).__qualname__}'


def unfinished_gradients(runner: 'Runner') -> dict:
    """Gradients by parameter of an unfinished step under gradient accumulation; otherwise {}.

    On several ranks it is {} as well: each rank has its own, but a checkpoint holds one rank's.
    """
    wrapper: Any = runner.optim_wrapper
    if getattr(wrapper, '_accumulative_counts', 1) == 1 or runner.world_size > 1:
        return {}
    model = unwrap(runner.model)
    return {
        name: p.grad for name, p in model.named_parameters() if p.grad is not None and p.grad.any()
    }


def restore_gradients(runner: 'Runner', checkpoint: dict) -> None:
    """Restore the gradients that :func:`unfinished_gradients` gave."""
    gradients = checkpoint.get('gradients', {})
    for name, parameter in unwrap(runner.model).named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter)


def scale_changed(meta: dict, runner: 'Runner') -> bool:
    """Whether the config's ``loss_scale`` differs from the checkpoint's."""
    old = meta.get('settings', {}).get('optim_wrapper') or {}
    new = settings(runner).get('optim_wrapper') or {}
    return bool(old.get('loss_scale') != new.get('loss_scale'))


def _check_same_optimizer(
    saved: dict, fresh: dict, meta: dict, current: dict, filename: str
) -> None:
    if (saved_class := meta.get(OPTIMIZER, current[OPTIMIZER])) != current[OPTIMIZER]:
        raise UserError(
            f'{filename} was saved with another optimiser, {saved_class}, and this run has '
            f'{current[OPTIMIZER]}: its state cannot be kept; to start from its weights: '
            '--cfg-options load_from=FILE'
        )
    old, new = saved['param_groups'], fresh['param_groups']

    def shape(groups: list[dict]) -> list:
        return [
            (len(g['params']), sorted(k for k in g if not k.startswith('initial_'))) for g in groups
        ]

    if shape(old) != shape(new):
        raise UserError(
            f'{filename} was saved with another optimiser or other groups of parameters: its '
            'state cannot be kept; to start from its weights: --cfg-options load_from=FILE'
        )


def _constants(state: dict, scheduled: set[str]) -> list[dict]:
    """The settings of each group of an optimiser's state; of scheduled ones the initial values."""
    return [
        {key: value for key, value in group.items() if key not in {'params', *scheduled}}
        for group in state['param_groups']
    ]


def _same_plan(schedulers: list, states: list[dict]) -> bool:
    def plan(state: dict) -> dict:
        return {key: value for key, value in state.items() if key not in PROGRESS}

    return [plan(s.state_dict()) for s in schedulers] == [plan(state) for state in states]


def _replay(schedulers: list, meta: dict) -> None:
    """Advance new schedules to the iteration or epoch where the run resumes."""
    if len({scheduler.by_epoch for scheduler in schedulers}) > 1:
        raise UserError(
            'changed settings cannot be applied on resume where schedules by epoch and by '
            'iteration are mixed; take the settings of the checkpoint, or load_from'
        )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # "before optimizer.step()"
        by_epoch = any(scheduler.by_epoch for scheduler in schedulers)
        for _ in range(meta['epoch'] if by_epoch else meta['iter']):
            for scheduler in schedulers:  # each changes the value that the others have set
                scheduler.step()
