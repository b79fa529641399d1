"""Rounding maps to bytes."""

from ctypes import c_float, c_int64

import torch
from torch import Tensor

from mmdeeplab.models.cpu_kernels.build import library
from mmdeeplab.models.cpu_kernels.maps import DTYPE_CODES, LANES, pointer


def to_bytes(x: Tensor, step: float, zero: int) -> Tensor:
    """Bytes q that stand for (q - zero) * step: the nearest, and at the ends what lies outside."""
    kernels = library()
    y = torch.empty_like(x, dtype=torch.uint8)
    if (
        kernels is None
        or x.dtype not in DTYPE_CODES
        or x.numel() < LANES
        or x.stride() != y.stride()
    ):
        # rounded by cutting what lies half a step higher; bfloat16 cannot tell such halves apart
        moved = x.float().mul(1 / step).add_(zero + 0.5)
        return moved.clamp_(0, 255).to(torch.uint8)
    kernels.to_bytes(
        pointer(x),
        c_int64(DTYPE_CODES[x.dtype]),
        pointer(y),
        c_int64(x.numel()),
        c_float(1 / step),
        c_float(zero),
        c_int64(torch.get_num_threads()),
    )
    return y
