"""A plan whose convolutions run on bytes, and bfloat16 where bytes would say too little."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mmdeeplab.inference.accelerate.graph import Convolution, Node, OperatorGraph
from mmdeeplab.inference.accelerate.kernel_conv import has_kernel
from mmdeeplab.inference.accelerate.lower import CL, ExecutionPlan
from mmdeeplab.models.cpu_kernels.rounding import to_bytes

onednn = torch.ops.onednn


class Scale(NamedTuple):
    """Byte q stands for (q - zero) * step."""

    step: float
    zero: int


def scale_of(low: float, high: float) -> Scale:
    """Bytes 0..255 over low..high, with 0 among them."""
    low, high = min(low, 0.0), max(high, 1e-6)
    step = (high - low) / 255
    return Scale(step, round(-low / step))


class ByteConv:
    """A convolution of bytes by signed bytes, each output channel's weights on their own scale.

    Args:
        conv: The convolution in float.
        shape: Of its input.
        scale: Of its input.
        out: Of its output; without it the output is ``dtype``.
        dtype: bfloat16 or float32.
    """

    def __init__(
        self,
        conv: Convolution,
        shape: tuple[int, ...],
        scale: Scale,
        out: Scale | None = None,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        steps = conv.weight.abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
        weight = (conv.weight / steps.view(-1, 1, 1, 1)).round().to(torch.int8)
        geometry = (conv.stride, conv.padding, conv.dilation, conv.groups)
        packed = onednn.qconv_prepack(weight, steps, *scale, *geometry, list(shape))
        zeros = torch.zeros(len(steps), dtype=torch.int64)
        bias = None if conv.bias is None else conv.bias.float()
        self.scale, self.packed = scale, (packed, steps, zeros)
        self.rest = (bias, *geometry)
        self.end = (1.0, 0, dtype) if out is None else (*out, torch.uint8)
        self.act, self.numbers = conv.act

    def __call__(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=CL)
        return onednn.qconv2d_pointwise(
            x, *self.scale, *self.packed, *self.rest, *self.end, self.act, self.numbers, ''
        )

    def add_(self, x: Tensor, other: Tensor) -> Tensor:
        """Add to ``other``, a map of ``dtype``, in place."""
        x, other = x.contiguous(memory_format=CL), other.to(self.end[2], memory_format=CL)
        act = (None if self.act == 'none' else self.act, self.numbers, '')
        return onednn.qconv2d_pointwise.binary(
            x, *self.scale, *self.packed, other, *self.rest, *self.end, 1.0, 0, 'sum', 1.0, *act
        )

    def add(self, x: Tensor, other: Tensor) -> Tensor:
        """Add ``other``, which stays as it is."""
        return self.add_(x, other.clone(memory_format=CL))


def with_bytes(
    graph: OperatorGraph, ranges: dict[Node, tuple[float, float]], kept: set[Node]
) -> OperatorGraph:
    """Put ``bytes`` nodes (to bytes) and ``int8`` convolutions into a graph.

    Depthwise convolutions that have a kernel of ours stay in float and write bytes.

    Args:
        graph: After :func:`mmdeeplab.inference.accelerate.passes.optimise`; changed in place.
        ranges: Least and largest value of what convolutions read.
        kept: Convolutions that stay in float.
    """
    chosen = [node for node in graph.of('conv') if node not in kept and not has_kernel(node)]
    for node in chosen:
        node.kind = 'int8'
    for x in dict.fromkeys(node.args[0] for node in chosen):
        readers = [node for node in chosen if node.args[0] is x]
        scale = scale_of(*ranges[x])
        alone = all(user in readers and x not in user.args[1:] for user in graph.users(x))
        for node in readers:
            node.kwargs = dict(node.kwargs, scale=scale)
        if len(x.args) == 1 and alone and x is not graph.output:
            if x.kind == 'int8':
                x.kwargs = dict(x.kwargs, out=scale)
                continue
            if x.kind == 'conv' and has_kernel(x):
                x.kwargs = dict(scale=scale)
                continue
        source = x
        if x.kind == 'act' and x.kwargs['act'][0] == 'relu' and alone and not scale.zero:
            source = x.args[0]  # bytes end at 0, too
        whole = Node('bytes', [source], x.shape, kwargs=dict(scale=scale))
        graph.insert(readers[0], whole)
        for node in readers:
            node.args = [whole, *node.args[1:]]
    graph.prune()
    return graph


def lowered(node: Node, overwrite: bool) -> Callable | None:
    """What to call for the nodes of this module; None for others."""
    if node.kind == 'bytes':
        scale = node.kwargs.pop('scale')
        return lambda x: to_bytes(x, *scale)
    if node.kind != 'int8':
        return None
    conv = ByteConv(node.conv, node.args[0].shape, **node.kwargs)
    node.kwargs = {}
    if len(node.args) == 1:
        return conv
    return conv.add_ if overwrite else conv.add


class BytePlan(ExecutionPlan):
    """A plan of a graph with bytes; bfloat16 between them."""

    lower = staticmethod(lowered)

    def __init__(self, graph: OperatorGraph) -> None:
        super().__init__(graph, torch.bfloat16)
