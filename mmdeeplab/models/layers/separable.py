"""The two halves of a separable atrous convolution, with fast gradients on a CPU."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from mmdeeplab.models.cpu_kernels.depthwise import DepthwiseConv, available
from mmdeeplab.models.cpu_kernels.maps import DTYPE_CODES
from mmdeeplab.registry import MODELS

SLOW_DILATION = 9
"""From this dilation on, oneDNN's fast depthwise kernel is not taken."""


@MODELS.register_module()
class SeparableConv2d(nn.Conv2d):
    """One half of a separable convolution: ``nn.Conv2d`` with the same weights and results.

    Where it trains on a CPU, three kinds of layers compute in another way:

    - depthwise, 3x3, in channels last: by a C kernel (:mod:`mmdeeplab.models.cpu_kernels`), sums
      in float32.
    - depthwise, 3x3, dilated, (N, C, H, W) -> same H, W, where there is no kernel: PyTorch computes
      their gradients up to 20 times slower than those of plain ones, and from dilation 9 on the
      output, too. Here shifted maps are added, in float32.
    - pointwise, in channels last, under bfloat16: a matrix product over all pixels.

    Args:
        args: Those of ``nn.Conv2d``.
        relu_first: Clip the input at 0, as Xception's units do: the kernel clips what it reads.
        kwargs: Those of ``nn.Conv2d``.
    """

    def __init__(self, *args: Any, relu_first: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.relu_first = relu_first

    def forward(self, x: Tensor) -> Tensor:
        trains = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        plain = x.device.type != 'cpu' or not trains or is_recorded()
        narrow = not plain and torch.is_autocast_enabled('cpu')
        dtype = torch.get_autocast_dtype('cpu') if narrow else x.dtype
        if not plain and dtype in DTYPE_CODES and is_channels_last(x) and self._has_kernel():
            x = x.to(dtype)
            geometry = (self.stride, self.padding, self.dilation)
            return DepthwiseConv.apply(x, self.weight, *geometry, self.relu_first)
        x = F.relu(x) if self.relu_first else x
        if plain:
            return super().forward(x)
        if self._is_dilated_depthwise():
            weight = self.weight
            if narrow:
                x, weight = x.to(dtype), weight.to(dtype)
            return _Depthwise.apply(x, weight, self.dilation[0])
        if narrow and self._is_pointwise() and is_channels_last(x):
            return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1)).permute(0, 3, 1, 2)
        return super().forward(x)

    def _has_kernel(self) -> bool:
        depthwise = 1 < self.groups == self.in_channels == self.out_channels
        mine = depthwise and self.kernel_size == (3, 3) and not isinstance(self.padding, str)
        simple = self.bias is None and self.padding_mode == 'zeros'
        return mine and simple and self.weight.dtype == torch.float32 and available(self.weight)

    def _is_dilated_depthwise(self) -> bool:
        dilation = self.dilation[0]
        return (
            1 < self.groups == self.in_channels == self.out_channels
            and dilation > 1
            and self.kernel_size == (3, 3)
            and self.dilation == self.padding == (dilation,) * 2
            and self._is_simple()
        )

    def _is_pointwise(self) -> bool:
        unit_kernel = self.kernel_size == (1, 1) and self.padding == (0, 0)
        return unit_kernel and self.groups == 1 and self._is_simple()

    def _is_simple(self) -> bool:
        return self.stride == (1, 1) and self.bias is None and self.padding_mode == 'zeros'


SEPARABLE = dict(type='mmdeeplab.SeparableConv2d')
"""``conv_cfg`` of both halves."""


def is_channels_last(x: Tensor) -> bool:
    """Whether a map (N, C, H, W) lies in memory as (N, H, W, C), and in no other order as well."""
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def is_recorded() -> bool:
    """Whether PyTorch records or transforms a graph, which holds its own operations alone.

    Transforms are those of ``torch.func`` and derivatives in forward mode.
    """
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    transformed = torch._C._are_functorch_transforms_active()
    return recorded or transformed or forward_ad._current_level >= 0


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
            grad_weight = correlate(float32_at_least(grad), float32_at_least(x), ctx.dilation).to(
                weight.dtype
            )
        return grad_x, grad_weight, None


def convolve(x: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """A depthwise convolution of (N, C, H, W) by (C, 1, 3, 3), padded by its dilation."""
    if is_channels_last(x) and dilation < SLOW_DILATION:
        return F.conv2d(x, weight, None, 1, dilation, dilation, len(weight))
    source, kernel = float32_at_least(x), float32_at_least(weight)
    out = source * kernel[:, :, 1, 1, None]
    for row, column, to, of in shifts(x.shape[2], x.shape[3], dilation):
        out[to].addcmul_(source[of], kernel[:, :, row, column, None])
    return out.to(x.dtype)


def correlate(grad: Tensor, x: Tensor, dilation: int) -> Tensor:
    """The gradient (C, 1, 3, 3) of a depthwise convolution's weight, from that of its output."""
    result = grad.new_zeros(x.shape[1], 1, 3, 3)
    result[:, 0, 1, 1] = (grad * x).sum((0, 2, 3))
    for row, column, to, of in shifts(x.shape[2], x.shape[3], dilation):
        result[:, 0, row, column] = (grad[to] * x[of]).sum((0, 2, 3))
    return result


def float32_at_least(x: Tensor) -> Tensor:
    """Convert narrower types to float32: sums of nine products in bfloat16 are inexact and slow."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def shifts(height: int, width: int, dilation: int) -> Iterator[tuple[int, int, tuple, tuple]]:
    """The outer taps of a dilated 3x3 kernel that reach pixels of a map.

    Yields:
        Row and column of the tap in the kernel, the slices of the output to which its products are
        added, and the slices of the input that it multiplies.
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
    """The indices i of a side for which i + shift lies in it too, and these i + shift."""
    start, stop = max(0, -shift), side - max(0, shift)
    return slice(start, stop), slice(start + shift, stop + shift)
