"""Rewrite a graph into one of fewer and larger operations; the function stays the same.

Only the order of floating-point sums changes, so results differ in their last bits.
"""

from torch import Tensor

from mmdeeplab.inference.accelerate.graph import Convolution, Node, OperatorGraph
from mmdeeplab.inference.accelerate.kernel_conv import has_kernel


def optimise(graph: OperatorGraph) -> OperatorGraph:
    """All passes in the order in which they help one another."""
    fold_norms(graph)
    fuse_acts(graph)
    split_depthwise(graph)
    split_pointwise(graph)
    fuse_sums(graph)
    fuse_acts(graph)
    take_relus(graph)
    graph.prune()
    return graph


def fold_norms(graph: OperatorGraph) -> None:
    """Convolution, then BN: one convolution with other numbers, multiplied in float64."""
    for node in graph.of('norm'):
        x = node.args[0]
        if x.kind == 'conv' and graph.only_user(x) is node and x.conv.act[0] == 'none':
            _, weight, bias, mean, var = node.args[:5]
            fold(x.conv, weight, bias, mean, var, node.args[-1])
            graph.replace(node, x)


def fold(
    conv: Convolution,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
) -> None:
    """Take (x - mean) / sqrt(var + eps) * weight + bias into a convolution."""
    scale = (var.double() + eps).rsqrt()
    scale = scale if weight is None else scale * weight.double()
    shift = -mean.double() if conv.bias is None else conv.bias.double() - mean.double()
    shift = shift * scale if bias is None else shift * scale + bias.double()
    conv.weight = (conv.weight.double() * scale.view(-1, 1, 1, 1)).float()
    conv.bias = shift.float()


def fuse_acts(graph: OperatorGraph) -> None:
    """Convolution, then an activation that nobody else wants the input of: one operation."""
    for node in graph.of('act'):
        x = node.args[0]
        if x.kind != 'conv':
            continue
        if x.conv.act == node.kwargs['act']:  # twice is once
            graph.replace(node, x)
        elif graph.only_user(x) is node and x.conv.act[0] == 'none':
            x.conv.act = node.kwargs['act']
            graph.replace(node, x)


def split_depthwise(graph: OperatorGraph) -> None:
    """A depthwise convolution of a concatenation: one of each part, concatenated after it."""
    for node in graph.of('conv'):
        cat = node.args[0]
        if not (node.conv.depthwise and joins(cat) and graph.only_user(cat) is node):
            continue
        if len(node.conv.weight) != cat.shape[1]:  # several outputs a channel
            continue
        reader = graph.only_user(node)
        if reader is None or reader.kind != 'conv' or not reader.conv.pointwise:
            continue
        parts = []
        for part, weight, bias in pieces(cat, node.conv.weight, node.conv.bias):
            conv = Convolution(**vars(node.conv) | dict(weight=weight, bias=bias))
            conv.groups = len(weight)
            parts.append(Node('conv', [part], (*part.shape[:2], *node.shape[2:]), conv))
        whole = Node('cat', [parts, 1], node.shape, call=cat.call)
        graph.insert(node, *parts, whole)
        graph.replace(node, whole)
        graph.prune()


def split_pointwise(graph: OperatorGraph) -> None:
    """A 1x1 convolution of a concatenation: one of each part, summed; nothing is concatenated.

    A part that is one value spread over the map (ASPP's pooled branch) is convolved as one value,
    and so becomes a bias.
    """
    for node in graph.of('conv'):
        cat, conv = node.args[0], node.conv
        if not (conv.pointwise and len(node.args) == 1 and joins(cat)):
            continue
        if graph.only_user(cat) is not node or set(conv.stride) != {1}:
            continue
        parts = list(pieces(cat, conv.weight.transpose(0, 1), None))
        parts.sort(key=lambda part: part[0].kind != 'expand')  # the bias comes first
        total: Node | None = None
        for i, (part, weight, _) in enumerate(parts):
            last = i == len(parts) - 1
            one = Convolution(**vars(conv))
            one.weight = weight.transpose(0, 1).contiguous()
            one.bias = None if i else conv.bias
            one.act = conv.act if last else ('none', [])
            if part.kind == 'expand' and part.args[0].shape[2:] == (1, 1) and not i:
                value = Node('conv', [part.args[0]], (*node.shape[:2], 1, 1), one)
                total = Node('spread', [value], node.shape)
                graph.insert(node, value, total)
                continue
            total = Node('conv', [part] if total is None else [part, total], node.shape, one)
            graph.insert(node, total)
        assert total is not None
        graph.replace(node, total)
        graph.prune()


def joins(node: Node) -> bool:
    """Whether maps are put behind one another along their channels."""
    return node.kind == 'cat' and len(node.args) > 1 and node.args[1] in (1, -3)


def pieces(cat: Node, weight: Tensor, bias: Tensor | None) -> list[tuple]:
    """The parts of a concatenation, each with its rows of ``weight`` and ``bias``."""
    widths = [part.shape[1] for part in cat.args[0]]
    biases = [None] * len(widths) if bias is None else bias.split(widths)
    return list(zip(cat.args[0], weight.split(widths), biases, strict=True))


def fuse_sums(graph: OperatorGraph) -> None:
    """A sum of a convolution and another map: the convolution adds the map to what it writes."""
    for node in graph.of('add'):
        for x, other in (node.args[::-1], node.args):
            if x.kind != 'conv' or x is other or len(x.args) > 1 or x.conv.act[0] != 'none':
                continue
            if graph.only_user(x) is node:
                graph.insert(node, fused := Node('conv', [x.args[0], other], node.shape, x.conv))
                graph.replace(node, fused)
                graph.nodes.remove(x)
                break


def take_relus(graph: OperatorGraph) -> None:
    """ReLU, then a depthwise convolution: our kernel clips what it reads."""
    for node in graph.of('conv'):
        x = node.args[0]
        if x.kind != 'act' or x.kwargs['act'][0] != 'relu' or not has_kernel(node):
            continue
        if graph.only_user(x) is node:
            node.conv.relu_first = True
            graph.replace(x, x.args[0])
