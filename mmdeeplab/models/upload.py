"""From the host to a GPU, without waiting for it."""

from collections.abc import Sequence

import torch
from torch import Tensor


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of any shape on ``device``; to a GPU by way of pinned memory, as it can be copied
    while the host goes on."""
    if device.type != 'cuda' or tensor.device.type != 'cpu':
        return tensor.to(device)
    return _pinned(tensor).to(device, non_blocking=True)


def gathered(
    maps: Sequence[Tensor],
    places: list[tuple[slice, slice]],
    size: tuple[int, int],
    fill: int,
    device: torch.device,
) -> Tensor:
    """Maps (C, h_i, w_i) of one type at their places in one batch (N, C, H, W) on a GPU.

    Each has a copy of its own, which starts at once. One buffer on the host would need a pass over
    all of it there, which PyTorch splits over the threads of all cores, busy with loading as they
    are: 8 ms an image of 513 x 513 on a machine with an H200.

    Args:
        maps: On the host.
        places: Rows and columns of each.
        size: (H, W).
        fill: What lies elsewhere.
        device: Of the batch.
    """
    first = maps[0]
    out = torch.empty(len(maps), len(first), *size, dtype=first.dtype, device=device)
    if any(one.shape[1:] != size for one in maps):
        out.fill_(fill)
    for target, one, (rows, columns) in zip(out, maps, places, strict=True):
        target[:, rows, columns].copy_(_pinned(one), non_blocking=True)
    return out


def _pinned(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_pinned() else tensor.pin_memory()
