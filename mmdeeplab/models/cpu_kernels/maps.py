"""Maps as the kernels take them: (N, C, H, W) tensors that lie in memory as (N, H, W, C)."""

from collections.abc import Sequence
from ctypes import c_void_p
from functools import lru_cache

import torch
from torch import Tensor

from mmdeeplab.errors import UserError

LANES = 16
DTYPE_CODES = {torch.float32: 0, torch.bfloat16: 1}


def pointer(tensor: Tensor | None) -> c_void_p:
    """Where a tensor's numbers lie, for a kernel; NULL for None.

    Raises:
        UserError: It is not on the CPU, whose memory alone a kernel can read.
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
    """The same map with its channels last in memory, copied only where they are not."""
    return x.contiguous(memory_format=torch.channels_last)


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A map (N, C, H, W) in channels last whose values are not set."""
    return torch.empty(tuple(shape), dtype=dtype, memory_format=torch.channels_last)


def blocks(rows: Tensor) -> Tensor:
    """(R, C) -> (blocks, R, LANES): LANES channels each, the last block being the last LANES."""
    count, channels = rows.shape
    return rows[:, _order(channels)].view(count, -1, LANES).transpose(0, 1).contiguous()


def unblocked(parts: Tensor, channels: int) -> Tensor:
    """(blocks, R, LANES), as :func:`blocks` makes them, -> (R, channels)."""
    rows = parts.transpose(0, 1).flatten(1)
    return rows[:, _places(channels)]


@lru_cache(maxsize=64)
def _order(channels: int) -> Tensor:
    """The channel at each place of :func:`blocks`, (blocks * LANES)."""
    first = torch.arange(0, channels, LANES).clamp(max=channels - LANES)
    return (first[:, None] + torch.arange(LANES)).flatten()


@lru_cache(maxsize=64)
def _places(channels: int) -> Tensor:
    """The place of each channel in :func:`blocks`, (channels)."""
    places = torch.arange(channels)
    rest = channels % LANES
    if rest:
        places[channels - rest :] += LANES - rest
    return places
