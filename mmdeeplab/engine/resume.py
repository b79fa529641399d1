"""The optimiser and its schedules after a resume: the same bits, or the new settings."""

import copy
import warnings
from typing import TYPE_CHECKING

from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.runner import Runner

PROGRESS = ('last_step', '_global_step', '_last_value')


def restore_schedule(
    runner: 'Runner', checkpoint: dict, filename: str, with_schedulers: bool = True
) -> None:
    """Restore momentum and its like, and the learning rate as the settings of this run want it.

    With unchanged settings everything is as saved, bit for bit. Changed ones (learning rate,
    decay, schedule, length) apply as if they had held since iteration 0.

    Raises:
        UserError: The optimiser is of another kind or has other parameters.
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
    saved, fresh = checkpoint['optimizer'], wrapper.state_dict()
    _check_same_optimizer(saved, fresh, filename)
    states = checkpoint.get('param_schedulers', [])
    names = {scheduler.param_name for scheduler in schedulers}
    if _constants(saved, names) == _constants(fresh, names) and _same_plan(schedulers, states):
        wrapper.load_state_dict(saved)
        for scheduler, state in zip(schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        return
    runner.logger.warning(
        'the settings of the optimiser or its schedule changed: the new ones apply, as if they '
        'had held since iteration 0'
    )
    new = {key: fresh[key] for key in ('param_groups', 'base_param_settings') if key in fresh}
    wrapper.load_state_dict({**saved, **copy.deepcopy(new)})
    _replay(schedulers, checkpoint['meta'])


def _check_same_optimizer(saved: dict, fresh: dict, filename: str) -> None:
    old, new = saved['param_groups'], fresh['param_groups']

    def shape(groups: list[dict]) -> list:
        return [
            (len(g['params']), sorted(k for k in g if not k.startswith('initial_'))) for g in groups
        ]

    if shape(old) != shape(new):
        raise UserError(
            f'{filename} was saved with another optimiser (or other groups of parameters): its '
            'state cannot be kept; to start from its weights: --cfg-options load_from=FILE'
        )


def _constants(state: dict, scheduled: set[str]) -> list[dict]:
    """What the settings fix in every group; of a scheduled value its start."""
    return [
        {key: value for key, value in group.items() if key not in {'params', *scheduled}}
        for group in state['param_groups']
    ]


def _same_plan(schedulers: list, states: list[dict]) -> bool:
    def plan(state: dict) -> dict:
        return {key: value for key, value in state.items() if key not in PROGRESS}

    return [plan(s.state_dict()) for s in schedulers] == [plan(state) for state in states]


def _replay(schedulers: list, meta: dict) -> None:
    """Step fresh schedules to where the run is."""
    if len({scheduler.by_epoch for scheduler in schedulers}) > 1:
        raise UserError(
            'changed settings cannot be applied on resume where schedules by epoch and by '
            'iteration are mixed; take the settings of the checkpoint, or load_from'
        )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # "before optimizer.step()"
        for scheduler in schedulers:
            for _ in range(meta['epoch'] if scheduler.by_epoch else meta['iter']):
                scheduler.step()
