"""Positions of overlapping windows over an image, and the weights of their pixels."""

import math

import torch
from torch import Tensor

from mmdeeplab.errors import choose

BLENDS = ('hann', 'gaussian', 'uniform')


def window_starts(side: int, window: int, stride: int) -> list[int]:
    """First pixel of every window along one side; the last window ends at the end of the side.

    As in mmsegmentation's ``slide_inference``.
    """
    if side <= window:
        return [0]
    count = math.ceil((side - window) / stride) + 1
    return [min(i * stride, side - window) for i in range(count)]


def blend_profile(blend: str, length: int) -> Tensor:
    """Weights of the pixels along one side of a window, (length,) float64, all positive.

    ``hann``: sin^2(pi (i + 1/2) / n), almost 0 at the ends, where the network sees least of a
    pixel's surroundings; the weights of windows half a window apart add up to a constant.
    ``gaussian``: a Gaussian of standard deviation n / 8, as in nnU-Net. ``uniform``: 1, for the
    plain average. The weight of a pixel is the product of the weights of its row and column.
    """
    choose('blend', blend, BLENDS)
    centres = torch.arange(length, dtype=torch.float64) + 0.5
    if blend == 'hann':
        return torch.sin(math.pi * centres / length) ** 2
    if blend == 'gaussian':
        return torch.exp(-((centres - length / 2) ** 2) / (2 * (length / 8) ** 2))
    return torch.ones_like(centres)


def total_weight(side: int, starts: list[int], profile: Tensor) -> Tensor:
    """Sum of the weights of all windows at each pixel along one side, (side,)."""
    total = profile.new_zeros(side)
    for start in starts:
        total[start : start + len(profile)] += profile
    return total
