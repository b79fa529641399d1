"""Batch normalisation in training, with or without ReLU, of channels-last maps on a CPU."""

import ctypes
from ctypes import c_double, c_int64
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmdeeplab.models.cpu_kernels.build import library
from mmdeeplab.models.cpu_kernels.maps import DTYPE_CODES, LANES, channels_last, empty, pointer


class Sizes(ctypes.Structure):
    """The struct ``Sizes`` of batch_norm.c."""

    _fields_ = [(name, c_int64) for name in ('pixels', 'channels', 'threads', 'kind', 'relu')]


def sizes_of(x: Tensor, relu: bool) -> Sizes:
    pixels = x.numel() // x.shape[1]
    threads = torch.get_num_threads()
    return Sizes(pixels, x.shape[1], threads=threads, kind=DTYPE_CODES[x.dtype], relu=relu)


def available(x: Tensor) -> bool:
    """Whether there is a kernel for a map (N, C, H, W)."""
    supported = x.dtype in (torch.float32, torch.bfloat16)
    return (
        supported
        and x.dim() == 4
        and x.shape[1] >= LANES
        and x.numel() > 0
        and library() is not None
    )


class BatchNorm(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias by the batch's statistics, then ReLU.

    Takes x (N, C, H, W), weight and bias (C,) float32 or None, epsilon, and whether ReLU follows.
    Returns y and the batch's mean and variance (biased), (C,).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, relu: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        x = channels_last(x)
        y = empty(x.shape, x.dtype)
        mean, variance, scale, shift = torch.empty(4, x.shape[1])
        sizes = sizes_of(x, relu)
        scratch = x.new_zeros(sizes.threads, 2, sizes.channels, dtype=torch.float64)
        call('norm_forward', sizes, x, weight, bias, eps, y, mean, variance, scale, shift, scratch)
        ctx.save_for_backward(x, mean, variance, scale, shift)
        ctx.eps, ctx.relu = eps, relu
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, variance, scale, shift = ctx.saved_tensors
        grad = channels_last(grads[0])
        dx = empty(x.shape, x.dtype)
        weight_grad, bias_grad, slope, rest = torch.empty(4, x.shape[1])
        sizes = sizes_of(x, ctx.relu)
        scratch = x.new_zeros(sizes.threads, 2, sizes.channels, dtype=torch.float64)
        statistics = (ctx.eps, mean, variance, scale, shift)
        call(
            'norm_backward',
            sizes,
            x,
            grad,
            *statistics,
            dx,
            weight_grad,
            bias_grad,
            slope,
            rest,
            scratch,
        )
        needs = ctx.needs_input_grad
        return dx, weight_grad if needs[1] else None, bias_grad if needs[2] else None, None, None


def call(name: str, sizes: Sizes, *values: Tensor | float | None) -> None:
    """Run the function ``name`` of the C library; numbers go as doubles."""
    kernels = library()
    assert kernels is not None
    words = [c_double(v) if isinstance(v, float) else pointer(v) for v in values]
    getattr(kernels, name)(ctypes.byref(sizes), *words)
