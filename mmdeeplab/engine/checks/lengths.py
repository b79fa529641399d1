"""Check the lengths of a run and its epochs, and ``custom_keys`` of the optimiser."""

from typing import Any

from mmengine.runner import Runner

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.engine.dataloader_checks import batch_size
from mmdeeplab.engine.loops import counts_epochs
from mmdeeplab.errors import UserError, did_you_mean


def check_lengths(runner: Runner) -> None:
    """Refuse runs and epochs without an iteration.

    Raises:
        UserError: Nothing would be trained, or evaluated.
    """
    loop = runner.train_loop
    for split, loader in loaders(runner).items():
        if len(loader) == 0:
            raise UserError(
                f'{split}_dataloader: {len(loader.dataset)} images make no batch of '
                f'{batch_size(loader)} (drop_last={loader.drop_last}): an epoch would have no '
                f'iteration; lower {split}_dataloader.batch_size'
            )
    end = loop.max_epochs if counts_epochs(loop) else loop.max_iters
    if runner.val_loop is not None and max(loop.val_interval, loop.val_begin) > end:
        runner.logger.warning(
            f'there will be no evaluation before the end: train_cfg.val_interval='
            f'{loop.val_interval}, val_begin={loop.val_begin}, and the run ends at {end}'
        )


def loaders(runner: Runner) -> dict[str, Any]:
    """The data loaders of training and validation."""
    by_split = {'train': runner.train_loop.dataloader}
    if runner.val_loop is not None:
        by_split['val'] = runner.val_loop.dataloader
    return by_split


def check_custom_keys(runner: Runner) -> None:
    """Refuse ``custom_keys`` of the optimiser that match no parameter and so have no effect.

    Raises:
        UserError: A key is not part of any parameter's name.
    """
    paramwise = (runner.cfg.get('optim_wrapper') or {}).get('paramwise_cfg') or {}
    names = [name for name, _ in unwrap(runner.model).named_parameters()]
    parts = {'.'.join(name.split('.')[:depth]) for name in names for depth in range(1, 8)}
    for key in paramwise.get('custom_keys') or {}:
        if not any(key in name for name in names):
            raise UserError(
                f'optim_wrapper.paramwise_cfg.custom_keys: no parameter has {key!r} in its name'
                f'{did_you_mean(key, parts)}'
            )
