"""Resume an interrupted run: choose the checkpoint, and restore the state of the run."""

from math import inf
from pathlib import Path

from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.find import age, candidates, newest_valid, read_summary
from mmdeeplab.checkpoint.safetensors_layout import Damaged
from mmdeeplab.engine.hooks.resumed_validation import VALIDATED
from mmdeeplab.engine.loops import counts_epochs, is_complete, position
from mmdeeplab.engine.optim.restore import restore_gradients, restore_schedule
from mmdeeplab.engine.run_settings import differences, settings
from mmdeeplab.errors import UserError


def checkpoint_out_dir(runner: Runner) -> str | None:
    """``out_dir`` of the hook that saves checkpoints; None for the work dir or without a hook."""
    hooks = (hook for hook in runner.hooks if isinstance(hook, CheckpointHook))
    return next((hook.out_dir for hook in hooks), None)


def count_attempts(runner: Runner, resume: bool) -> int:
    """The number of this start of training in its work dir; later starts save newer checkpoints.

    Warns if there are checkpoints of an earlier training and this one does not ``resume``.
    """
    checkpoints = candidates(Path(runner.work_dir), checkpoint_out_dir(runner))
    if checkpoints and not resume:
        runner.logger.warning(
            f'{runner.work_dir} holds {len(checkpoints)} checkpoints of an earlier training '
            f'({checkpoints[-1].name}), which this one does not go on from, and which it replaces '
            'where it saves under the same name; --resume goes on from the newest'
        )
    return 1 + max((a.attempt for a in map(age, checkpoints) if a.started < inf), default=0)


def newest_checkpoint(runner: Runner) -> str:
    """The newest intact checkpoint of the work dir.

    Raises:
        UserError: There is none.
    """
    checkpoint = newest_valid(runner.work_dir, checkpoint_out_dir(runner))
    for text in checkpoint.damaged:
        runner.logger.warning(text)
    if checkpoint.path is None:
        raise UserError(f'nothing to resume: no checkpoint in {runner.work_dir}')
    if checkpoint.reason:
        runner.logger.info(checkpoint.reason)
    return str(checkpoint.path)


def take_seed(runner: Runner, path: str) -> None:
    """Take the seed of a checkpoint if the config has none; it determines the order of the data."""
    if runner._randomness_cfg.get('seed') is not None:
        return
    try:
        seed = read_summary(Path(path)).get('seed')
    except (OSError, Damaged):  # an old .pth; a missing file is reported on loading
        return
    runner._randomness_cfg.update(seed=seed)
    runner.set_randomness(**runner._randomness_cfg)


def restore(
    runner: Runner,
    checkpoint: dict,
    path: str,
    optimizer: bool = True,
    schedulers: bool = True,
) -> None:
    """Restore the state of a run from a checkpoint; changed settings are printed and apply.

    Args:
        runner: The runner, into which the weights are loaded already.
        checkpoint: The contents of the file.
        path: The file.
        optimizer: Whether to restore the optimiser's state.
        schedulers: Whether to restore the schedules' state.

    Raises:
        UserError: The checkpoint holds weights only, or is of another optimiser.
    """
    required_keys = ['meta', 'message_hub'] + ['optimizer'] * optimizer
    if missing := [key for key in required_keys if key not in checkpoint]:
        raise UserError(
            f'{path} holds weights but no training state ({", ".join(missing)}), so there '
            'is nothing to resume; to start from its weights: --cfg-options load_from=FILE'
        )
    saved_iter = checkpoint['meta']['iter']
    meta = checkpoint['meta'] | position(runner.train_loop, checkpoint['meta'])
    checkpoint['meta'] = meta
    runner.train_loop._epoch, runner.train_loop._iter = meta['epoch'], meta['iter']
    runner.started = meta.get('started', runner.started)
    if 'settings' in meta:
        for line in differences(meta['settings'], settings(runner)):
            runner.logger.info(f'changed since the checkpoint: {line}')
    runner.message_hub.load_state_dict(checkpoint['message_hub'])
    if runner.message_hub.get_info(VALIDATED) == saved_iter:
        runner.message_hub.update_info(VALIDATED, runner.iter)  # where epochs have another length
    if optimizer:
        restore_schedule(runner, checkpoint, path, schedulers)
        restore_gradients(runner, checkpoint)


def tell_position(runner: Runner, path: str) -> None:
    """Log the position of a resumed run, or that it is complete, and what could not be restored."""
    runner.logger.info(f'resumed at iteration {runner.iter} of {runner.max_iters}')
    if is_complete(runner.train_loop):
        runner.logger.warning(
            f'{path} is complete: iteration {runner.iter} of {runner.max_iters}; to go on, '
            f'raise train_cfg.{"max_epochs" if counts_epochs(runner.train_loop) else "max_iters"}'
        )
    if any(isinstance(hook, EarlyStoppingHook) for hook in runner.hooks):
        runner.logger.warning(
            "MMEngine's EarlyStoppingHook begins to count anew on resume; "
            'early_stopping=dict(monitor=..., patience=...) in the config goes on counting'
        )
