"""Checks and defaults of data loaders: whole training batches, and epochs that end."""

from itertools import islice
from typing import Any

import torch
from mmengine import dist
from mmengine.dataset import InfiniteSampler
from mmengine.runner import BaseLoop
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from mmdeeplab.config.loops import by_epoch
from mmdeeplab.datasets.samplers import ResumableSampler
from mmdeeplab.errors import UserError
from mmdeeplab.registry import is_ours

WAY_OUT = (
    'take sampler=dict(type="mmdeeplab.ResumableSampler") or sampler=dict(type="DefaultSampler")'
)


def whole_batches(loader: dict) -> dict:
    """Set ``drop_last`` of a training loader's config, unless it chooses itself.

    In a last batch of one image, BatchNorm may have no variance to normalise by.
    """
    return loader if 'batch_sampler' in loader else dict(dict(drop_last=True), **loader)


def training_loader(loader: Any, loop: BaseLoop | dict) -> Any:
    """``train_dataloader`` with whole batches, one epoch long if the loop counts epochs.

    Raises:
        UserError: It has no sampler.
    """
    require_sampler(loader, 'train_dataloader')
    if not isinstance(loader, dict):
        return loader
    loader = whole_batches(loader)
    return one_epoch(loader) if isinstance(loop, dict) and by_epoch(loop) else loader


def evaluation_loader(loader: Any, key: str) -> Any:
    """The evaluation loader ``key`` of the config, one epoch long.

    Raises:
        UserError: It has no sampler.
    """
    require_sampler(loader, key)
    return one_epoch(loader)


def require_batches(loader: DataLoader) -> None:
    """Refuse a loader that would give no batch.

    Raises:
        UserError: There are fewer images than in a batch, and the sampler ends.
    """
    dataset: Any = loader.dataset
    if len(loader) == 0 and not is_infinite(loader.sampler):
        raise UserError(
            f'{len(dataset)} training images make no batch of {batch_size(loader)} on each of '
            f'{dist.get_world_size()} processes: lower train_dataloader.batch_size, or train by '
            'iterations with sampler=dict(type="mmdeeplab.ResumableSampler")'
        )


def batch_size(loader: DataLoader) -> int | None:
    """Images in a batch of a loader; None if its batch sampler does not tell."""
    return getattr(loader.batch_sampler, 'batch_size', loader.batch_size)


def is_infinite(sampler: object) -> bool:
    """Whether a sampler, MMEngine's or ours, never ends."""
    return isinstance(sampler, InfiniteSampler) or getattr(sampler, 'infinite', False) is True


def one_epoch(loader: Any) -> Any:
    """A loader's config whose :class:`ResumableSampler`, if it has one, ends with the epoch."""
    sampler = loader.get('sampler') if isinstance(loader, dict) else None
    if not isinstance(sampler, dict):
        return loader
    if not is_ours(sampler.get('type'), ResumableSampler.__name__):
        return loader
    defaults = dict(infinite=False, drop_last=loader.get('drop_last', False))
    return {**loader, 'sampler': {**defaults, **sampler}}


def require_sampler(loader: dict | DataLoader, key: str) -> None:
    """Refuse a loader ``key`` of the config that has no sampler and so no order.

    Raises:
        UserError: It has no sampler.
    """
    if isinstance(loader, dict) and 'sampler' not in loader:
        raise UserError(f'{key} has no sampler; {WAY_OUT}')


def require_shares(loader: DataLoader, key: str) -> None:
    """Refuse PyTorch's samplers in a run of several processes: each would get all samples.

    Raises:
        UserError: It names ``key``, the loader's key in the config.
    """
    plain = loader.batch_size is not None  # no batch sampler of the config's
    local = isinstance(loader.sampler, (SequentialSampler, RandomSampler))
    if plain and local and dist.get_world_size() > 1:
        raise UserError(
            f'{key}.sampler: each of {dist.get_world_size()} processes would get every image; '
            f'{WAY_OUT}'
        )


def require_end(loop: BaseLoop, key: str) -> None:
    """Refuse a sampler that does not end, in a loop that goes through a loader once.

    Raises:
        UserError: It names ``key``, the loader's key in the config.
    """
    loader, loop_name = loop.dataloader, type(loop).__name__
    require_shares(loader, key)
    source: Any = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    plain = loader.batch_size is not None
    setting = f'{key}.{"sampler" if plain else "batch_sampler"}'
    sampler_name = type(loader.sampler if plain else source).__name__
    try:
        length = len(source)
    except TypeError as error:
        raise UserError(
            f'{setting}: {sampler_name} has no length, so {loop_name} has no end; {WAY_OUT}'
        ) from error
    state = torch.get_rng_state()  # some samplers draw from it
    endless = is_infinite(loader.sampler) or any(True for _ in islice(source, length, None))
    torch.set_rng_state(state)
    if endless:
        raise UserError(
            f'{setting}: {sampler_name} does not end, so {loop_name} would not either; {WAY_OUT}'
        )
