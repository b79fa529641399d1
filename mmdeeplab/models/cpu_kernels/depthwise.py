"""Depthwise convolutions of channels-last maps on a CPU."""

import ctypes
from collections.abc import Sequence
from ctypes import c_int64
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmdeeplab.models.cpu_kernels.build import library
from mmdeeplab.models.cpu_kernels.maps import (
    DTYPE_CODES,
    LANES,
    blocks,
    channels_last,
    empty,
    pointer,
    unblocked,
)

SIDE = 7  # largest kernel


class Geometry(ctypes.Structure):
    """The struct ``Geometry`` of depthwise.c."""

    _fields_ = [
        *((name, c_int64) for name in ('batch', 'channels', 'height', 'width')),
        *((name, c_int64) for name in ('out_height', 'out_width', 'rows', 'columns')),
        *((name, c_int64) for name in ('stride_y', 'stride_x', 'pad_y', 'pad_x')),
        *((name, c_int64) for name in ('dilation_y', 'dilation_x', 'threads')),
        *((name, c_int64) for name in ('kind', 'relu')),
    ]


def available(weight: Tensor) -> bool:
    """Whether there is a kernel for a depthwise weight (C, 1, h, w)."""
    return len(weight) >= LANES and max(weight.shape[2:]) <= SIDE and library() is not None


class Depthwise:
    """A depthwise convolution with its weights packed, (N, C, H, W) float32 or bfloat16.

    Args:
        weight: (C, 1, h, w), at least 16 channels, sides up to 7.
        bias: (C,), or None.
        stride, padding, dilation: Of height and width.
        relu: Whether the input is clipped at 0 first.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        relu: bool = False,
    ) -> None:
        channels = len(weight)
        taps = weight.detach().float().flatten(1).T  # (h * w, C)
        bias = torch.zeros(channels) if bias is None else bias.detach().float()
        self.weight, self.bias = blocks(taps), blocks(bias[None])
        self.side, self.relu = tuple(weight.shape[2:]), relu
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def __call__(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Convolve ``x``; where ``mask``, of the output's shape, is not above 0 the output is 0."""
        x = channels_last(x)
        out = [
            (side + 2 * pad - reach * (taps - 1) - 1) // stride + 1
            for side, pad, reach, taps, stride in zip(
                x.shape[2:], self.padding, self.dilation, self.side, self.stride, strict=True
            )
        ]
        y = empty((*x.shape[:2], *out), x.dtype)
        mask = None if mask is None else channels_last(mask)
        geometry = self.geometry(x, y)
        call('depthwise', geometry, x, y, self.weight, self.bias, mask)
        return y

    def geometry(self, x: Tensor, y: Tensor) -> Geometry:
        """The sizes of an input and an output as the C functions take them."""
        steps = (*self.stride, *self.padding, *self.dilation, torch.get_num_threads())
        rest = (DTYPE_CODES[x.dtype], int(self.relu))
        return Geometry(*x.shape, *y.shape[2:], *self.side, *steps, *rest)


class DepthwiseConv(torch.autograd.Function):
    """A 3x3 depthwise convolution without bias that can be trained, (N, C, H, W).

    Takes x (float32 or bfloat16), weight (C, 1, 3, 3) float32, stride, padding and dilation of
    height and width, and whether x is clipped at 0 first.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        relu: bool,
    ) -> Tensor:
        x = channels_last(x)
        ctx.save_for_backward(x, weight)
        ctx.conv = Depthwise(
            weight, None, stride=stride, padding=padding, dilation=dilation, relu=relu
        )
        return ctx.conv(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad, conv = channels_last(grads[0].to(x.dtype)), ctx.conv
        mask = x if conv.relu else None
        dx = dw = None
        if ctx.needs_input_grad[0] and set(conv.stride) == {1}:
            pads = [2 * d - p for d, p in zip(conv.dilation, conv.padding, strict=True)]
            turned = Depthwise(
                weight.flip(2, 3), None, stride=conv.stride, padding=pads, dilation=conv.dilation
            )
            dx = turned(grad, mask)
        elif ctx.needs_input_grad[0]:
            dx = empty(x.shape, x.dtype)
            call('depthwise_input_grad', conv.geometry(x, grad), grad, dx, conv.weight, mask)
        if ctx.needs_input_grad[1]:
            sums = conv.weight.new_empty(torch.get_num_threads(), *conv.weight.shape)
            call('depthwise_weight_grad', conv.geometry(x, grad), x, grad, sums)
            dw = unblocked(sums[0], len(weight)).T.reshape(weight.shape)
        return dx, dw, None, None, None, None


def call(name: str, geometry: Geometry, *tensors: Tensor | None) -> None:
    """Run the function ``name`` of the C library on tensors; None is a null pointer."""
    kernels = library()
    assert kernels is not None
    if getattr(kernels, name)(ctypes.byref(geometry), *map(pointer, tensors)):
        dtypes = ', '.join(str(tensor.dtype) for tensor in tensors if tensor is not None)
        raise ValueError(f'there is no kernel {name} of these: {dtypes}')
