"""The states of schedules in checkpoints, and schedules whose settings changed on resume."""

import warnings

from mmdeeplab.errors import UserError

# What a schedule notes of a run, beside its settings; the second line: one that follows a score.
PROGRESS = ('last_step', '_global_step', '_last_value')
OF_SCORES = ('best', 'num_bad_epochs', 'cooldown_counter', 'end')  # it ends with the run


def schedule_states(schedulers: list | dict) -> list | dict:
    """The states of the schedules, as a checkpoint holds them: without functions."""
    if isinstance(schedulers, dict):
        return {name: schedule_states(part) for name, part in schedulers.items()}
    return [
        {key: value for key, value in scheduler.state_dict().items() if not callable(value)}
        for scheduler in schedulers
    ]


def same_plan(schedulers: list, states: list[dict]) -> bool:
    """Whether schedules have the settings of those whose ``states`` were saved."""

    def plan(state: dict) -> dict:
        noted = (*PROGRESS, *OF_SCORES) if 'monitor' in state else PROGRESS
        return {key: value for key, value in state.items() if key not in noted}

    return list(map(plan, schedule_states(schedulers))) == list(map(plan, states))


def replay(schedulers: list, iterations: int, epoch_length: int) -> None:
    """Advance new schedules to the iteration where the run resumes.

    Args:
        schedulers: The schedules.
        iterations: Number of completed ones.
        epoch_length: Number of iterations; 0 where the run counts no epochs.

    Raises:
        UserError: One follows a score, and the earlier scores are not known.
    """
    if following := [type(s).__name__ for s in schedulers if hasattr(s, 'monitor')]:
        raise UserError(
            f'{following[0]} follows a score, so changed settings of the optimiser or its schedule '
            'cannot be applied on resume; take the settings of the checkpoint, or load_from'
        )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # "before optimizer.step()"
        in_order = sorted(schedulers, key=lambda scheduler: scheduler.by_epoch)
        for step in range(1, iterations + 1):
            ends_epoch = epoch_length and step % epoch_length == 0
            for scheduler in in_order:  # each changes the value that the others have set
                if ends_epoch or not scheduler.by_epoch:
                    scheduler.step()
