"""Depthwise atrous convolution whose gradient is as cheap as it should be on a CPU."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.registry import MODELS

FAR = 9
"""From this dilation on, oneDNN's fast depthwise kernel is not taken."""


@MODELS.register_module()
class AtrousConv2d(nn.Conv2d):
    """``nn.Conv2d`` with the same weights, outputs and gradients, (N, C, H, W) -> same H, W.

    On a CPU, PyTorch computes the gradients of dilated depthwise convolutions up to 20 times slower
    than those of plain ones, and from dilation 9 on the output, too. Where it trains such a layer,
    this class adds shifted maps instead, in float32. Everywhere else it is ``nn.Conv2d``.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self._is_slow(x):
            return super().forward(x)
        weight = self.weight
        if torch.is_autocast_enabled('cpu'):
            kind = torch.get_autocast_dtype('cpu')
            x, weight = x.to(kind), weight.to(kind)
        return _Depthwise.apply(x, weight, self.dilation[0])

    def _is_slow(self, x: Tensor) -> bool:
        dilation = self.dilation[0]
        square = self.kernel_size == (3, 3) and self.dilation == self.padding == (dilation,) * 2
        depthwise = 1 < self.groups == self.in_channels == self.out_channels
        trains = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        return (
            x.device.type == 'cpu'
            and trains
            and depthwise
            and square
            and dilation > 1
            and self.stride == (1, 1)
            and self.bias is None
            and self.padding_mode == 'zeros'
            and not torch.compiler.is_compiling()
        )


def atrous_conv(rate: int) -> dict | None:
    """``conv_cfg`` of a layer that is depthwise and has this rate."""
    return dict(type='mmdeeplab.AtrousConv2d') if rate > 1 else None


class _Depthwise(torch.autograd.Function):
    """A 3x3 depthwise convolution, stride 1, padded by its dilation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        return convolve(x, weight, dilation)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = convolve(grad, weight.flip(2, 3), ctx.dilation)
        if ctx.needs_input_grad[1]:
            grad_weight = correlate(exact(grad), exact(x), ctx.dilation).to(weight.dtype)
        return grad_x, grad_weight, None


def convolve(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """(N, C, H, W) by (C, 1, 3, 3), dilated and padded alike."""
    wide = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    if wide and dilation < FAR:
        return F.conv2d(x, weight, None, 1, dilation, dilation, len(weight))
    source, kernel = exact(x), exact(weight)
    out = source * kernel[:, :, 1, 1, None]
    for row, column, to, of in shifts(x.shape[2], x.shape[3], dilation):
        out[to].addcmul_(source[of], kernel[:, :, row, column, None])
    return out.to(x.dtype)


def correlate(grad: Tensor, x: Tensor, dilation: int) -> Tensor:
    """The weight's gradient (C, 1, 3, 3)."""
    result = grad.new_zeros(x.shape[1], 1, 3, 3)
    result[:, 0, 1, 1] = (grad * x).sum((0, 2, 3))
    for row, column, to, of in shifts(x.shape[2], x.shape[3], dilation):
        result[:, 0, row, column] = (grad[to] * x[of]).sum((0, 2, 3))
    return result


def exact(x: Tensor) -> Tensor:
    """At least float32: bfloat16 is too coarse to add nine numbers in, and slower."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def shifts(height: int, width: int, dilation: int) -> Iterator[tuple[int, int, tuple, tuple]]:
    """The eight outer taps whose shift leaves something of the map.

    Yields:
        Row and column in the kernel, where the tap's products go, and where they come from.
    """
    for row in range(3):
        for column in range(3):
            down, right = (row - 1) * dilation, (column - 1) * dilation
            if (row, column) == (1, 1) or abs(down) >= height or abs(right) >= width:
                continue
            rows, columns = _overlap(height, down), _overlap(width, right)
            whole = (slice(None), slice(None))
            yield row, column, (*whole, rows[0], columns[0]), (*whole, rows[1], columns[1])


def _overlap(side: int, shift: int) -> tuple[slice, slice]:
    """Where x[i + shift] exists, and what it is there."""
    start, stop = max(0, -shift), side - max(0, shift)
    return slice(start, stop), slice(start + shift, stop + shift)
