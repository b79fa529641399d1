"""From the host to a GPU, without waiting for it."""

from collections.abc import Sequence

import torch
from torch import Tensor


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of any shape on ``device``; to a GPU by way of pinned memory, as it can be copied
    while the host goes on."""
    if device.type != 'cuda' or tensor.device.type != 'cpu':
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def staged(
    maps: Sequence[Tensor], places: list[tuple[slice, slice]], size: tuple, fill: int
) -> Tensor:
    """Maps (C, h_i, w_i) of one type at their places in one pinned buffer (N, C, H, W).

    Args:
        maps: On the host.
        places: Rows and columns of each.
        size: (H, W).
        fill: What lies elsewhere.
    """
    first = maps[0]
    out = torch.empty(len(maps), len(first), *size, dtype=first.dtype, pin_memory=True)
    if any(one.shape[1:] != size for one in maps):
        out.fill_(fill)
    for target, one, (rows, columns) in zip(out, maps, places, strict=True):
        target[:, rows, columns] = one
    return out
