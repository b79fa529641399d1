"""Which values the maps of a network take, and which layers bytes would spoil."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.inference.accelerate.graph import Convolution, Node, OperatorGraph
from mmdeeplab.inference.accelerate.int8 import ByteConv, scale_of
from mmdeeplab.inference.accelerate.kernel_conv import has_kernel
from mmdeeplab.inference.accelerate.lower import ExecutionPlan, lowered
from mmdeeplab.models.cpu_kernels.rounding import to_bytes

LEAST = 10.0  # decibels of a layer's output over its error, below which it stays in float
SAMPLE = 2**16  # values of a map and picture that are looked at
CLIPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


class Calibration:
    """Ranges, corrected biases and sensitive layers of one network, found once.

    Args:
        pictures: As the network sees them, (1, 3, H, W). Without any, the first input stands in.
    """

    def __init__(self, pictures: Sequence[Tensor] = ()) -> None:
        self.pictures = list(pictures)
        self.layers: list[tuple[tuple[float, float], Tensor | None, bool]] | None = None
        self.sensitive: list[str] = []
        self.shifts: list[Tensor] | None = None

    @torch.no_grad()
    def apply(
        self, graph: OperatorGraph, x: Tensor
    ) -> tuple[dict[Node, tuple[float, float]], set[Node]]:
        """Correct a graph's biases; return the ranges and the layers that stay in float."""
        convs = graph.of('conv')
        if self.layers is None:
            self._look(graph, convs, x)
        assert self.layers is not None
        ranges, kept = {}, set()
        for node, (limits, shift, stays) in zip(convs, self.layers, strict=True):
            ranges[node.args[0]] = limits
            if stays:
                kept.add(node)
            elif shift is not None:
                conv = node.conv
                conv.bias = shift if conv.bias is None else conv.bias + shift
        return ranges, kept

    @torch.no_grad()
    def correct(self, graph: OperatorGraph, x: Tensor) -> None:
        """Give the convolutions of a bfloat16 plan the biases that rounded weights ask for."""
        convs = [node for node in graph.of('conv') if node.shape[2:] != (1, 1)]
        if self.shifts is None:
            found: dict[Node, Tensor] = {}

            def compare(node: Node, args: list, value: Tensor) -> None:
                if node.kind == 'conv' and node.shape[2:] != (1, 1):
                    shift = (exact(node.conv, args[0]) - half(node, args[0])).mean((0, 2, 3))
                    found[node] = found.get(node, 0) + shift / len(few)

            few = self.at(x)[:4]
            plan = ExecutionPlan(graph)
            for picture in few:
                plan(picture, compare)
            self.shifts = [found[node] for node in convs]
        outer = graph.outer()
        for node, shift in zip(convs, self.shifts, strict=True):
            if node not in outer:
                node.conv.bias = shift if node.conv.bias is None else node.conv.bias + shift

    def at(self, x: Tensor) -> list[Tensor]:
        """The pictures at the size and number of ``x``."""
        size = tuple(x.shape[2:])
        pictures = [
            F.interpolate(p.float(), size, mode='bilinear', align_corners=False)
            for p in self.pictures or [x[:1]]
        ]
        return [p.expand(len(x), -1, -1, -1) for p in pictures]

    def _look(self, graph: OperatorGraph, convs: list[Node], x: Tensor) -> None:
        pictures = self.at(x)
        plan = ExecutionPlan(graph)
        samples: dict[Node, list[Tensor]] = {}

        def sample(node: Node, args: list, value: Tensor) -> None:
            if node.kind == 'conv':
                flat = args[0].permute(0, 2, 3, 1).reshape(-1)
                samples.setdefault(node.args[0], []).append(some(flat))

        for picture in pictures:
            plan(picture, sample)
        ranges = {node: best_range(torch.cat(values)) for node, values in samples.items()}
        outer = graph.outer()
        floating = {node for node in convs if has_kernel(node)} - outer
        found: dict[Node, tuple[Tensor, float, float]] = {}

        def compare(node: Node, args: list, value: Tensor) -> None:
            if node.kind == 'conv' and node not in outer | floating and node.shape[2:] != (1, 1):
                shift, noise, signal = errors(node.conv, args[0], ranges[node.args[0]])
                old = found.get(node, (torch.zeros_like(shift), 0.0, 0.0))
                found[node] = (old[0] + shift / len(few), old[1] + noise, old[2] + signal)

        few = pictures[:4]
        for picture in few:
            plan(picture, compare)
        self.layers = []
        for node in convs:
            shift, noise, signal = found.get(node, (None, 1.0, 0.0))
            stays = node not in floating and signal < noise * 10 ** (LEAST / 10)
            self.layers.append((ranges[node.args[0]], shift, stays))
            if stays:
                self.sensitive.append(node.conv.name or str(len(self.layers)))


def some(values: Tensor) -> Tensor:
    """Values from all over a flat map, the smallest and the largest among them."""
    few = values[:: max(len(values) // SAMPLE, 1) | 1]
    return torch.cat([few, *(end[None] for end in values.aminmax())])


def best_range(values: Tensor) -> tuple[float, float]:
    """The range, among several that clip the tails, whose bytes are nearest to the values."""
    low, high = (float(value) for value in values.aminmax())
    ranges = [(low * clip, high * clip) for clip in CLIPS]
    return min(ranges, key=lambda limits: float(byte_error(values, limits)))


def byte_error(values: Tensor, limits: tuple[float, float]) -> Tensor:
    """Sum of squared differences between values and what their bytes stand for."""
    scale = scale_of(*limits)
    back = (to_bytes(values, *scale).float() - scale.zero) * scale.step
    return (back - values).square().sum()


def errors(
    conv: Convolution, x: Tensor, limits: tuple[float, float]
) -> tuple[Tensor, float, float]:
    """What the bias lacks (C,), and the energies of the remaining error and of the output."""
    scale = scale_of(*limits)
    coarse = ByteConv(bare(conv), tuple(x.shape), scale, dtype=torch.float32)(to_bytes(x, *scale))
    truth = exact(conv, x)
    error = truth - coarse
    shift = error.mean((0, 2, 3))
    noise = (error - shift.view(1, -1, 1, 1)).square().sum()
    spread = truth - truth.mean((0, 2, 3), keepdim=True)
    return shift, float(noise), float(spread.square().sum())


def bare(conv: Convolution) -> Convolution:
    """A convolution without its activation."""
    return Convolution(**vars(conv) | dict(act=('none', [])))


def exact(conv: Convolution, x: Tensor) -> Tensor:
    """A convolution in float32, without its activation."""
    x = x.relu() if conv.relu_first else x
    return F.conv2d(
        x, conv.weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups
    )


def half(node: Node, x: Tensor) -> Tensor:
    """The output of a convolution computed in bfloat16, as float32."""
    plain = Node('conv', node.args[:1], node.shape, bare(node.conv))
    return lowered(plain, False, torch.bfloat16)(x).float()
