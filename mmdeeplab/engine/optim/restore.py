"""Restore the optimiser and its schedules on resume, under the same or under new settings."""

import copy
from typing import TYPE_CHECKING, Any

from mmengine.optim import OptimWrapper, OptimWrapperDict

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.engine.loops import counts_epochs
from mmdeeplab.engine.optim.param_groups import parameter_order, regrouped
from mmdeeplab.engine.optim.schedules import replay, same_plan
from mmdeeplab.engine.run_settings import settings
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.runner import Runner

OPTIMIZER, SCHEDULERS = 'optimizer_class', 'param_scheduler_classes'
OTHER = (
    'another optimiser or other groups of parameters: its state cannot be kept; to start from its '
    'weights: --cfg-options load_from=FILE'
)
ORDER = 'parameter_order'  # in which the optimiser numbers its parameters
OF_SCHEDULES = ('initial_', 'max_', 'min_')  # beginnings of names that they add to a group


def restore_schedule(
    runner: 'Runner', checkpoint: dict, filename: str, with_schedulers: bool = True
) -> None:
    """Restore the optimiser's state (momentum, ...) and its schedules.

    With unchanged settings everything is as saved, bit for bit. Settings that have changed
    (learning rate, weight decay, schedule, length) apply as if they had been so since iteration 0.
    Of several optimisers, in an ``OptimWrapperDict``, each is restored by itself.

    Raises:
        UserError: The optimiser is of another class or has other parameters; or settings changed
            beside a schedule that follows a score, whose earlier scores are not known.
    """
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    if runner.param_schedulers is not None and with_schedulers:
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
    wrappers: dict[str, Any] = _by_name(runner.optim_wrapper)
    schedulers = _by_name(runner.param_schedulers or []) if with_schedulers else {}
    saved = checkpoint['optimizer']
    saved = {'': saved} if 'param_groups' in saved else saved
    states = _by_name(checkpoint.get('param_schedulers', []))
    if wrappers.keys() != saved.keys():
        raise UserError(f'{filename} was saved with {OTHER}')
    changed = False
    for name, wrapper in wrappers.items():
        plans = schedulers.get(name, []), states.get(name, [])
        changed |= _restore(runner, wrapper, saved[name], plans, checkpoint['meta'], filename)
    if changed:
        runner.logger.warning(
            'the settings of the optimiser or its schedule changed: the new ones apply, as if they '
            'had held since iteration 0'
        )


def _by_name(parts: Any) -> dict[str, Any]:
    """What belongs to each of several optimisers; of a single one, which has no name, under ''."""
    return dict(parts.items()) if isinstance(parts, (dict, OptimWrapperDict)) else {'': parts}


def _restore(
    runner: 'Runner',
    wrapper: OptimWrapper,
    saved: dict,
    plans: tuple[list, list[dict]],
    meta: dict,
    filename: str,
) -> bool:
    """Restore one optimiser, and its schedules from their saved states.

    Returns:
        Whether its settings or its schedules changed.
    """
    schedulers, states = plans
    fresh = wrapper.state_dict()
    saved = regrouped(saved, wrapper.optimizer, unwrap(runner.model), meta.get(ORDER, []))
    _check_same_optimizer(saved, fresh, meta, kinds(runner), filename)
    if scale_changed(meta, runner):
        saved = {key: value for key, value in saved.items() if key != 'loss_scaler'}
    same_classes = meta.get(SCHEDULERS, kinds(runner)[SCHEDULERS]) == kinds(runner)[SCHEDULERS]
    names = {scheduler.param_name for scheduler in schedulers}
    same_settings = _constants(saved, names) == _constants(fresh, names)
    if same_settings and same_classes and same_plan(schedulers, states):
        wrapper.load_state_dict(saved)
        for scheduler, state in zip(schedulers, states, strict=True):
            # one that follows a score ends with the run, which may be longer now
            scheduler.load_state_dict({**state, 'end': scheduler.end})
        return False
    new_settings = {
        key: fresh[key] for key in ('param_groups', 'base_param_settings') if key in fresh
    }
    wrapper.load_state_dict({**saved, **copy.deepcopy(new_settings)})
    loop = runner.train_loop
    replay(schedulers, meta['iter'], len(loop.dataloader) if counts_epochs(loop) else 0)
    return True


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
            (len(g['params']), sorted(k for k in g if not k.startswith(OF_SCHEDULES)))
            for g in groups
        ]

    if shape(old) != shape(new):
        raise UserError(f'{filename} was saved with {OTHER}')


def _constants(state: dict, scheduled: set[str]) -> list[dict]:
    """The settings of each group of an optimiser's state; of scheduled ones the initial values."""
    return [
        {key: value for key, value in group.items() if key not in {'params', *scheduled}}
        for group in state['param_groups']
    ]
