"""Layers that read every ``rate``-th pixel, where PyTorch has none: pools, blurs, patches.

At stride 1, (N, C, H, W) -> same H, W, unless a window is padded by less than half of itself. On
the pixels of the coarse grid each computes what the strided layer computes there.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MINUS_INFINITY = -float('inf')


class Window(NamedTuple):
    """Which pixels a pool reads; all sides in pixels of the coarse grid.

    ``padding`` is what it reaches out on each side of the map, ``behind`` what it does so further
    behind the map (``ceil_mode``).
    """

    kernel: int
    rate: int
    padding: int
    behind: int = 0

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Left, right, top, bottom."""
        before, after = self.padding * self.rate, (self.padding + self.behind) * self.rate
        return before, after, before, after


class AtrousMaxPool2d(nn.Module):
    """The largest of a window's pixels; those outside the map do not count.

    Args:
        window: Which pixels are read.
    """

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, self.window.pads, value=MINUS_INFINITY)
        return F.max_pool2d(x, self.window.kernel, 1, 0, self.window.rate)


class AtrousAvgPool2d(nn.Module):
    """The mean of a window's pixels.

    Args:
        window: Which pixels are read.
        count_padding: Pixels in the padding count as zeros; otherwise they do not count.
    """

    def __init__(self, window: Window, count_padding: bool) -> None:
        super().__init__()
        self.window, self.count_padding = window, count_padding

    def forward(self, x: Tensor) -> Tensor:
        side, further = (n * self.window.rate for n in (self.window.padding, self.window.behind))
        counted = F.pad(torch.ones_like(x[:1, :1]), [side] * 4, value=float(self.count_padding))
        counted = F.pad(counted, (0, further, 0, further))
        return self._sums(F.pad(x, self.window.pads)) / self._sums(counted)

    def _sums(self, x: Tensor) -> Tensor:
        kernel, channels = self.window.kernel, x.shape[1]
        ones = x.new_ones(channels, 1, kernel, kernel)
        return F.conv2d(x, ones, dilation=self.window.rate, groups=channels)


class AtrousBlur2d(nn.Module):
    """A fixed filter of timm's ``BlurPool2d``, alike for all channels.

    Args:
        filt: The filter (1 or C, 1, k, k).
        window: Which pixels are read.
        pad_mode: ``'reflect'`` or ``'constant'``.
    """

    filt: Tensor

    def __init__(self, filt: Tensor, window: Window, pad_mode: str) -> None:
        super().__init__()
        self.register_buffer('filt', filt, persistent=False)
        self.window, self.pad_mode = window, pad_mode

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        filt = self.filt.expand(channels, 1, -1, -1)
        x = F.pad(x, self.window.pads, mode=self.pad_mode)
        return F.conv2d(x, filt, dilation=self.window.rate, groups=channels)


class AtrousPatchConv2d(nn.Conv2d):
    """A convolution over patches side by side (kernel = stride), at a finer stride.

    Its window begins at the pixel it writes, so zeros are needed only behind the map.
    """

    def forward(self, x: Tensor) -> Tensor:
        sizes = zip(self.kernel_size, self.dilation, self.stride, strict=True)
        bottom, right = ((kernel - 1) * rate + 1 - stride for kernel, rate, stride in sizes)
        return super().forward(F.pad(x, (0, right, 0, bottom)))
