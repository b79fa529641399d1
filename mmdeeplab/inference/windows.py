"""Overlapping windows over an image: where they lie and how their scores are weighed."""

import math

import torch
from torch import Tensor

from mmdeeplab.errors import choose

BLENDS = ('hann', 'gaussian', 'uniform')


def window_starts(side: int, window: int, stride: int) -> list[int]:
    """First pixel of every window along one side; the last window ends with the side.

    As mmsegmentation's ``slide_inference``.
    """
    if side <= window:
        return [0]
    count = math.ceil((side - window) / stride) + 1
    return [min(i * stride, side - window) for i in range(count)]


def blend_profile(blend: str, length: int) -> Tensor:
    """Weight of every pixel along one side of a window, (length,) float64, positive.

    ``hann``: sin^2(pi (i + 1/2) / n), which falls to almost nothing at the ends, where a network
    sees least around a pixel; windows half a window apart add up to a constant. ``gaussian``: a
    standard deviation of n / 8, as nnU-Net's. ``uniform``: 1, the plain average. A window's weight
    is the product of its two profiles.
    """
    choose('blend', blend, BLENDS)
    centres = torch.arange(length, dtype=torch.float64) + 0.5
    if blend == 'hann':
        return torch.sin(math.pi * centres / length) ** 2
    if blend == 'gaussian':
        return torch.exp(-((centres - length / 2) ** 2) / (2 * (length / 8) ** 2))
    return torch.ones_like(centres)


def total_weight(side: int, starts: list[int], profile: Tensor) -> Tensor:
    """Sum of all windows' weights along one side: (side,)."""
    total = profile.new_zeros(side)
    for start in starts:
        total[start : start + len(profile)] += profile
    return total
