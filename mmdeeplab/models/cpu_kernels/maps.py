"""Pass maps to the C kernels: (N, C, H, W) tensors that lie in memory as (N, H, W, C)."""

from collections.abc import Sequence
from ctypes import c_void_p
from functools import lru_cache

import torch
from torch import Tensor

from mmdeeplab.errors import UserError

LANES = 16
DTYPE_CODES = {torch.float32: 0, torch.bfloat16: 1}


def pointer(tensor: Tensor | None) -> c_void_p:
    """The address of a tensor's values; NULL for None.

    Raises:
        UserError: The tensor is not on the CPU, so that a kernel cannot read it.
    """
    if tensor is None:
        return c_void_p(None)
    if tensor.device.type != 'cpu':
        raise UserError(
            f'a kernel for CPUs was given a tensor on {tensor.device}: move a network to its '
            'device before fast prepares it for one'
        )
    return c_void_p(tensor.data_ptr())


def channels_last(x: Tensor) -> Tensor:
    """A map (N, C, H, W) with its channels last in memory; copied only if they are not yet."""
    return x.contiguous(memory_format=torch.channels_last)


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """An uninitialised channels-last map (N, C, H, W)."""
    return torch.empty(tuple(shape), dtype=dtype, memory_format=torch.channels_last)


def blocks(rows: Tensor) -> Tensor:
    """Split channels into blocks of LANES: (R, C) -> (blocks, R, LANES).

    The last block holds the last LANES channels, so it may overlap the one before.
    """
    count, channels = rows.shape
    return rows[:, _order(channels)].view(count, -1, LANES).transpose(0, 1).contiguous()


def unblocked(parts: Tensor, channels: int) -> Tensor:
    """The inverse of :func:`blocks`: (blocks, R, LANES) -> (R, channels)."""
    rows = parts.transpose(0, 1).flatten(1)
    return rows[:, _places(channels)]


@lru_cache(maxsize=64)
def _order(channels: int) -> Tensor:
    """Index of the channel at each place of :func:`blocks`, (blocks * LANES,)."""
    first = torch.arange(0, channels, LANES).clamp(max=channels - LANES)
    return (first[:, None] + torch.arange(LANES)).flatten()


@lru_cache(maxsize=64)
def _places(channels: int) -> Tensor:
    """Place of each channel in the result of :func:`blocks`, (channels,)."""
    places = torch.arange(channels)
    rest = channels % LANES
    if rest:
        places[channels - rest :] += LANES - rest
    return places
