"""Run a network once and write down which operations it called."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate.graph import Convolution, Node, OperatorGraph

aten = torch.ops.aten
NORMS = (aten.native_batch_norm.default, aten._native_batch_norm_legit_no_training.default)
IDENTITIES = (aten.detach.default, aten.alias.default)
ACTS: dict[Any, str] = {
    aten.relu.default: 'relu',
    aten.hardtanh.default: 'hardtanh',
    aten.hardswish.default: 'hardswish',
}
PLAIN = {aten.add.Tensor: 'add', aten.cat.default: 'cat', aten.expand.default: 'expand'}


class Recorder(TorchDispatchMode):
    """Nodes of every operation that depends on the input.

    Parameters and whatever is computed from them alone are constants. The order in which networks
    here run does not depend on values, so that one run stands for all of its size.
    """

    def __init__(self, x: Tensor, names: dict[int, str]) -> None:
        super().__init__()
        self.names = names
        self.known: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self.nodes = [Node('input', [], tuple(x.shape))]
        self.known[x] = self.nodes[0]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        seen = self._seen(args)  # before the call, which may change its first argument
        result = func(*args, **kwargs)
        first = result[0] if isinstance(result, (list, tuple)) and result else result
        if isinstance(first, Tensor) and has_node(seen):
            node = self._node(func, seen, kwargs, tuple(first.shape), args)
            self.known[first] = node
        return result

    def _seen(self, args: Any) -> Any:
        if isinstance(args, Tensor):
            return self.known.get(args, args)
        return [self._seen(item) for item in args] if isinstance(args, (list, tuple)) else args

    def _node(self, func: Any, seen: Any, kwargs: dict, shape: tuple[int, ...], args: Any) -> Node:
        if func in IDENTITIES:
            return seen[0]
        if func._schema.is_mutable and self._shared(seen[0]):
            raise UserError(f'fast: this network calls {func} on a part of a map: it has no plan')
        func = functional(func)
        node = Node('other', seen, shape, kwargs=kwargs)
        if func is aten.convolution.default:
            x, weight, bias, stride, padding, dilation, transposed, _, groups = seen
            if not transposed and not isinstance(weight, Node):
                node.kind, node.args = 'conv', [x]
                name = self.names.get(id(args[1]), '').removesuffix('.weight')
                node.conv = Convolution(
                    weight,
                    bias,
                    stride=stride,
                    padding=padding,
                    dilation=dilation,
                    groups=groups,
                    name=name,
                )
        elif func in NORMS:
            node.kind = 'norm'
        elif func in ACTS:
            limits = [float(v) for v in (seen[1:] or (-1, 1))] if 'tanh' in ACTS[func] else []
            node.kind, node.args, node.kwargs = 'act', seen[:1], dict(act=(ACTS[func], limits))
        elif func in PLAIN and not (func is aten.add.Tensor and not all_nodes(seen, shape)):
            node.kind = PLAIN[func]
        returns = func._schema.returns
        node.call = first_of(func) if len(returns) > 1 else func
        node.aliases = any(value.alias_info is not None for value in returns)
        self.nodes.append(node)
        return node

    def _shared(self, node: Any) -> bool:
        """Whether a map is a view of another, or another one of it."""
        if not isinstance(node, Node):
            return False
        return node.aliases or any(other.aliases and node in other.inputs for other in self.nodes)


def record(forward: Callable[[Tensor], Tensor], x: Tensor, names: dict[int, str]) -> OperatorGraph:
    """The graph of ``forward`` for inputs of the shape of ``x``, (N, C, H, W).

    Args:
        forward: One tensor in, one tensor out; without gradients.
        x: Any values; the operations must not depend on them.
        names: Of parameters by their id, for what is said about layers.

    Raises:
        UserError: The network changes a part of a tensor in place, or does not use the input.
    """
    recorder = Recorder(x, names)
    with recorder:
        result = forward(x)
    output = recorder.known.get(result)
    if output is None:
        raise UserError('fast: the result of this network does not come from its input')
    return OperatorGraph(recorder.nodes, output)


def functional(func: Any) -> Any:
    """The operation that returns what an in-place one writes.

    Raises:
        UserError: There is none that is known here.
    """
    if not func._schema.is_mutable:
        return func
    name = func._schema.name.removeprefix('aten::')
    twin = getattr(aten, name.removesuffix('_'), None) if name.endswith('_') else None
    overload = func._overloadname
    if twin is None or overload not in twin.overloads():
        raise UserError(f'fast: this network calls {func}, which has no plan')
    return getattr(twin, overload)


def first_of(func: Any) -> Callable:
    """An operation of several results, of which the first is used."""
    return lambda *args, **kwargs: func(*args, **kwargs)[0]


def has_node(args: Any) -> bool:
    """Whether something in nested lists depends on the input."""
    if isinstance(args, (list, tuple)):
        return any(map(has_node, args))
    return isinstance(args, Node)


def all_nodes(args: Any, shape: tuple[int, ...]) -> bool:
    """Whether two maps of one shape are added, and nothing is scaled or spread."""
    return len(args) == 2 and all(isinstance(a, Node) and a.shape == shape for a in args)
