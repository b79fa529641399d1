"""Atrous forms of layers that PyTorch cannot dilate: average pools, blurs, patch embeddings.

A dilated layer of stride 1 replaces a strided one: (N, C, H, W) -> same H, W, unless its window is
padded by less than half its size. At the pixels that the strided layer would have computed, both
give the same values.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MINUS_INFINITY = -float('inf')


class Window(NamedTuple):
    """The window of a dilated pool.

    Attributes:
        kernel: Pixels along each side of the window.
        rate: Distance of these pixels in the map.
        padding: Pixels of padding on each side, in steps of ``rate``.
        behind: Further padding at the right and the bottom, in steps of ``rate`` (``ceil_mode``).
    """

    kernel: int
    rate: int
    padding: int
    behind: int = 0

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Padding at the left, right, top and bottom in pixels, as ``F.pad`` takes it."""
        before, after = self.padding * self.rate, (self.padding + self.behind) * self.rate
        return before, after, before, after


class AtrousMaxPool2d(nn.Module):
    """Dilated max pool of stride 1: the largest pixel of each window; padding does not count.

    Args:
        window: The pixels of a window.
    """

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, self.window.pads, value=MINUS_INFINITY)
        return F.max_pool2d(x, self.window.kernel, 1, 0, self.window.rate)


class AtrousAvgPool2d(nn.Module):
    """Dilated average pool of stride 1.

    Args:
        window: The pixels of a window.
        count_padding: Whether pixels in the padding count, as zeros (``count_include_pad``).
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
    """Dilated form of timm's ``BlurPool2d``, a fixed blur filter for each channel.

    Args:
        filt: The filter (1 or C, 1, k, k).
        window: The pixels of a window.
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
    """A convolution of patches (kernel = stride, as in ConvNeXt), run at a finer stride.

    Its window begins at the pixel that it computes, so padding is needed only at the right and the
    bottom.
    """

    def forward(self, x: Tensor) -> Tensor:
        sizes = zip(self.kernel_size, self.dilation, self.stride, strict=True)
        bottom, right = ((kernel - 1) * rate + 1 - stride for kernel, rate, stride in sizes)
        return super().forward(F.pad(x, (0, right, 0, bottom)))
