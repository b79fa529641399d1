"""From a graph to calls with packed weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.inference.accelerate.graph import Convolution, Node, OperatorGraph
from mmdeeplab.inference.accelerate.kernel_conv import KernelConv, has_kernel, wants_kernel
from mmdeeplab.models.cpu_kernels.memory import keep_memory
from mmdeeplab.models.layers.separable import FAR

CL = torch.channels_last
onednn = torch.ops.mkldnn
Watch = Callable[[Node, list, Tensor], None]


class PackedConv:
    """A convolution whose weights lie as oneDNN wants them for one size of input.

    A depthwise convolution that reaches further than oneDNN's kernel for padded input takes is
    padded first, which is the same function.
    """

    def __init__(self, conv: Convolution, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self.pads, self.dtype = 0, dtype
        padding = list(conv.padding)
        if conv.depthwise and max(conv.dilation) >= FAR:
            self.pads = padding[0]
            shape = (
                *shape[:2],
                *(side + 2 * p for side, p in zip(shape[2:], padding, strict=True)),
            )
            self.margins = [padding[1], padding[1], padding[0], padding[0]]
            padding = [0, 0]
        weight = conv.weight.detach().to(dtype).to_mkldnn()
        reorder: Callable = torch._C._nn.mkldnn_reorder_conv2d_weight
        self.weight = reorder(weight, padding, conv.stride, conv.dilation, conv.groups, list(shape))
        self.bias = None if conv.bias is None else conv.bias.detach().to(dtype)
        self.geometry = (padding, conv.stride, conv.dilation, conv.groups)
        self.act, self.numbers = conv.act

    def _padded(self, x: Tensor) -> Tensor:
        x = F.pad(x, self.margins) if self.pads else x
        return self._dense(x)

    def _dense(self, x: Tensor) -> Tensor:
        return x.to(self.dtype, memory_format=CL)

    def __call__(self, x: Tensor) -> Tensor:
        return onednn._convolution_pointwise(
            self._padded(x), self.weight, self.bias, *self.geometry, self.act, self.numbers, ''
        )

    def add(self, x: Tensor, other: Tensor) -> Tensor:
        """Add ``other``, which stays as it is."""
        return onednn._convolution_pointwise.binary(
            self._padded(x), self._dense(other), *self._summing()
        )

    def add_(self, x: Tensor, other: Tensor) -> Tensor:
        """Add to ``other``, in place."""
        return onednn._convolution_pointwise_.binary(
            self._dense(other), self._padded(x), *self._summing()
        )

    def _summing(self) -> tuple:
        act = None if self.act == 'none' else self.act
        return (self.weight, self.bias, *self.geometry, 'add', 1.0, act, self.numbers, '')


class ExecutionPlan:
    """A graph that can be called: values in numbered places, emptied when nobody reads them more.

    Args:
        graph: After :func:`mmdeeplab.inference.accelerate.passes.optimise`.
        dtype: Of weights and maps. The outermost convolutions, and what lies outside of them, are
            float32 always: pixels and scores would suffer most.
    """

    def __init__(self, graph: OperatorGraph, dtype: torch.dtype = torch.float32) -> None:
        keep_memory()
        self.dtype, self.nodes = dtype, [node for node in graph.nodes if node.kind != 'input']
        self.steps: list[tuple[Callable, list, dict, int, list[int]]] = []
        place = {node: i for i, node in enumerate(graph.nodes)}
        last = {node: node for node in graph.nodes}
        for node in graph.nodes:
            last |= dict.fromkeys(node.inputs, node)
        last.pop(graph.output)
        outer = graph.outer()
        for node in graph.nodes:
            done = [place[x] for x, reader in last.items() if reader is node]
            if node.kind != 'input':
                overwrite = len(node.args) > 1 and may_overwrite(node, graph, last)
                precision = torch.float32 if node in outer else dtype
                call = self.lower(node, overwrite) or lowered(node, overwrite, precision)
                args = [ValueIndex.of(arg, place) for arg in node.args]
                self.steps.append((call, args, node.kwargs, place[node], done))
        self.first = place[graph.of('input')[0]]
        self.result = place[graph.output]
        self.size = len(place)

    @staticmethod
    def lower(node: Node, overwrite: bool) -> Callable | None:
        """What to call for kinds of nodes that are not this module's."""
        return None

    @torch.no_grad()
    def __call__(self, x: Tensor, watch: Watch | None = None) -> Tensor:
        """(N, C, H, W) of the recorded size -> what the network returns.

        ``watch`` is called with each node, its arguments and its value.
        """
        values: list[Any] = [None] * self.size
        values[self.first] = x.float().contiguous(memory_format=CL)
        for node, (call, places, kwargs, out, done) in zip(self.nodes, self.steps, strict=True):
            args = [ValueIndex.value(arg, values) for arg in places]
            values[out] = call(*args, **kwargs)
            if watch is not None:
                watch(node, args, values[out])
            for i in done:
                values[i] = None
        return values[self.result].float()


class ValueIndex(int):
    """The number of a value, among arguments that are numbers themselves."""

    @staticmethod
    def of(arg: Any, place: dict[Node, int]) -> Any:
        if isinstance(arg, Node):
            return ValueIndex(place[arg])
        return [ValueIndex.of(a, place) for a in arg] if isinstance(arg, (list, tuple)) else arg

    @staticmethod
    def value(arg: Any, values: list) -> Any:
        if type(arg) is ValueIndex:
            return values[arg]
        return [ValueIndex.value(a, values) for a in arg] if type(arg) is list else arg


def lowered(node: Node, overwrite: bool, dtype: torch.dtype) -> Callable:
    """What to call for a node; ``overwrite``: what a convolution adds to is not needed again."""
    if node.kind == 'spread':
        return lambda x: x.expand(-1, -1, *node.shape[2:]).contiguous(memory_format=CL)
    if node.kind == 'act':
        name, numbers = node.kwargs['act']
        return lambda x, act: getattr(torch.ops.aten, name)(x, *numbers)
    if node.kind != 'conv':
        assert node.call is not None
        return node.call
    if has_kernel(node) and ('scale' in node.kwargs or wants_kernel(node.conv)):
        return KernelConv(node.conv, dtype, node.kwargs.pop('scale', None))
    packed = PackedConv(node.conv, node.args[0].shape, dtype)
    if len(node.args) == 1:
        return packed
    return packed.add_ if overwrite else packed.add


def may_overwrite(node: Node, graph: OperatorGraph, last: dict[Node, Node]) -> bool:
    """Whether nobody reads the map that ``node`` adds to, or a view of it, after ``node``."""
    other = node.args[1]
    if not isinstance(other, Node) or other.kind not in ('conv', 'int8', 'spread', 'add'):
        return False
    if last.get(other) is not node or other is node.args[0]:
        return False
    return not any(user.aliases for user in graph.users(other))
