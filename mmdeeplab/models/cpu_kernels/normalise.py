"""Normalise uint8 images in one pass over memory, with bit for bit PyTorch's results."""

from ctypes import c_int64

import torch
from torch import Tensor

from mmdeeplab.models.cpu_kernels.build import library
from mmdeeplab.models.cpu_kernels.maps import pointer


def normalise(image: Tensor, out: Tensor, mean: Tensor, std: Tensor, reverse: bool) -> bool:
    """Compute ``out[c] = (image[c] - mean[c]) / std[c]``; without a kernel do nothing.

    Args:
        image: (C, H, W) uint8.
        out: (C, H, W) float32; it may be a window of a larger map.
        mean: (C,) float32.
        std: (C,) float32.
        reverse: Take the image's channels from the last to the first.

    Returns:
        Whether there is a kernel for these tensors, so that ``out`` was filled.
    """
    maps = (image, out, mean, std)
    ready = (
        all(x.device.type == 'cpu' for x in maps)
        and image.dtype == torch.uint8
        and all(x.dtype == torch.float32 for x in maps[1:])
        and image.is_contiguous()
        and out.stride(2) == 1
    )
    kernels = library() if ready else None
    if kernels is None:
        return False
    mean, std = mean.contiguous(), std.contiguous()
    numbers = (*image.shape, out.stride(0), out.stride(1))
    kernels.normalise(
        pointer(image),
        pointer(out),
        *map(c_int64, numbers),
        pointer(mean),
        pointer(std),
        c_int64(reverse),
        c_int64(torch.get_num_threads()),
    )
    return True
