"""Depthwise convolutions of a graph by our own kernel, where that is the faster one."""

from math import inf

import torch
from torch import Tensor

from mmdeeplab.inference.accelerate.graph import Convolution, Node
from mmdeeplab.models.cpu_kernels.depthwise import Depthwise, available
from mmdeeplab.models.layers.separable import FAR


def has_kernel(node: Node) -> bool:
    """Whether our kernel computes what a convolution's node does."""
    conv = node.conv
    plain = conv.act[0] in ('none', 'relu', 'hardtanh') and len(node.args) == 1
    return plain and conv.depthwise and conv.weight.shape[1] == 1 and available(conv.weight)


def wants_kernel(conv: Convolution) -> bool:
    """Whether our kernel beats oneDNN's: it takes a ReLU along, or the taps are far apart."""
    far = conv.depthwise and max(conv.dilation) >= FAR
    return conv.relu_first or far


class KernelConv:
    """A depthwise convolution by our kernel; weights and sums are float32.

    Args:
        conv: The convolution.
        dtype: Of what it reads.
        scale: (step, zero): it writes bytes.
    """

    def __init__(
        self, conv: Convolution, dtype: torch.dtype, scale: tuple[float, int] | None = None
    ) -> None:
        name, numbers = conv.act
        ends = {'none': [], 'relu': [0.0, inf]}.get(name, numbers)
        limits = (ends[0], ends[1]) if ends else None
        geometry = (conv.stride, conv.padding, conv.dilation)
        self.run = Depthwise(
            conv.weight, conv.bias, *geometry, relu=conv.relu_first, limits=limits, scale=scale
        )
        self.dtype = dtype

    def __call__(self, x: Tensor) -> Tensor:
        return self.run(x.to(self.dtype))
