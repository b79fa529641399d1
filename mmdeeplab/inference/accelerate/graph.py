"""What a network computes for one size of input, as a list of nodes in the order they ran."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(eq=False)
class Convolution:
    """Everything about a convolution but its input.

    ``act`` is a name and numbers of oneDNN's; ``relu_first``: the input is clipped at 0.
    """

    weight: Tensor
    bias: Tensor | None
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int
    act: tuple[str, list[float]] = ('none', [])
    name: str = ''
    relu_first: bool = False

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == len(self.weight)

    @property
    def pointwise(self) -> bool:
        return self.weight.shape[2:] == (1, 1) and self.groups == 1


@dataclass(eq=False)
class Node:
    """One operation.

    Attributes:
        kind: ``input``, ``conv``, ``norm``, ``act``, ``add``, ``cat``, ``expand``, or ``other``,
            any operation, called as it was.
        args: Its inputs, nodes among anything else.
        shape: (N, C, H, W) of its output.
        conv: Of a ``conv``. A second argument is a map that is added before the activation.
        call: Of an ``other``: what to call with ``args`` and ``kwargs``.
        aliases: Its output shares memory with its input.
    """

    kind: str
    args: list[Any]
    shape: tuple[int, ...]
    conv: Convolution = None  # type: ignore[assignment]
    call: Callable | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    aliases: bool = False

    @property
    def inputs(self) -> list['Node']:
        return list(nodes_in(self.args))


def nodes_in(args: Any) -> Iterator[Node]:
    """Every node in nested lists."""
    if isinstance(args, Node):
        yield args
    elif isinstance(args, (list, tuple)):
        for item in args:
            yield from nodes_in(item)


def exchanged(args: Any, old: Node, new: Node) -> Any:
    """Nested lists with one node in another's place."""
    if args is old:
        return new
    if isinstance(args, (list, tuple)):
        return [exchanged(item, old, new) for item in args]
    return args


class OperatorGraph:
    """Nodes in order, of which the last but dead ones is the output.

    Args:
        nodes: In the order they ran.
        output: The node whose value is the result.
    """

    def __init__(self, nodes: Sequence[Node], output: Node) -> None:
        self.nodes, self.output = list(nodes), output
        self.prune()

    def prune(self) -> None:
        """Drop what the output does not need."""
        needed: set[Node] = set()
        todo = [self.output]
        while todo:
            node = todo.pop()
            if node not in needed:
                needed.add(node)
                todo += node.inputs
        self.nodes = [node for node in self.nodes if node in needed or node.kind == 'input']

    def users(self, node: Node) -> list[Node]:
        """Nodes that read ``node``; the result's reader is not one of them."""
        return [other for other in self.nodes if node in other.inputs]

    def only_user(self, node: Node) -> Node | None:
        """The node that alone reads ``node``, if there is one."""
        readers = self.users(node)
        return readers[0] if len(readers) == 1 and node is not self.output else None

    def replace(self, old: Node, new: Node) -> None:
        """Let everybody read ``new`` instead of ``old``, which is dropped."""
        for node in self.users(old):
            if node is not new:
                node.args = exchanged(node.args, old, new)
        if self.output is old:
            self.output = new
        self.nodes.remove(old)

    def insert(self, before: Node, *nodes: Node) -> None:
        """Put nodes in front of another."""
        at = self.nodes.index(before)
        self.nodes[at:at] = nodes

    def of(self, kind: str) -> list[Node]:
        """All nodes of a kind, in order."""
        return [node for node in self.nodes if node.kind == kind]

    def outer(self) -> set[Node]:
        """Convolutions with no other between them and the input, or the output."""
        convs = {node for node in self.nodes if node.conv is not None and nearest(node) is None}
        seen: set[Node] = set()
        todo = [self.output]
        while todo:
            node = todo.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.conv is not None:
                convs.add(node)
            todo += node.inputs if node.conv is None else nodes_in(node.args[1:])
        return convs


def nearest(node: Node) -> Node | None:
    """The convolution whose output, perhaps padded or resized, a convolution reads."""
    x = node.args[0]
    while x.conv is None and x.inputs:
        x = x.inputs[0]
    return None if x.conv is None else x
