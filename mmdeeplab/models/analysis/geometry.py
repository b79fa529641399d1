"""Stride, executed rate and receptive field of a network's stages; rates that are too large."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import inf, log2
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from mmdeeplab.models.analysis.costs import ConvCall, conv_calls
from mmdeeplab.models.meta import meta_weights, run_on_meta

ATEN = torch.ops.aten
POOLS = (ATEN.max_pool2d_with_indices, ATEN.max_pool2d, ATEN.avg_pool2d)
GLOBAL = (ATEN.mean, ATEN.amax, ATEN._adaptive_avg_pool2d, ATEN.adaptive_max_pool2d)
RESIZES = (ATEN.upsample_bilinear2d, ATEN.upsample_nearest2d, ATEN.upsample_bicubic2d)


class Field(NamedTuple):
    """The receptive field of one position of a map.

    Attributes:
        size: Side in pixels of the window of the image that the position sees.
        stride: Distance in pixels of neighbouring positions; infinite for a global mean, which has
            one position only.
        whole_image: Whether the position also sees everything else, through a global mean.
    """

    stride: float
    size: float
    whole_image: bool = False

    def window(self, kernel: int, stride: int, rate: int) -> 'Field':
        """The field of a window of ``kernel`` x ``kernel`` such positions, ``rate`` apart."""
        reach = (kernel - 1) * rate
        size = self.size + reach * self.stride if reach else self.size
        return Field(self.stride * stride, size, self.whole_image)


class Fields(TorchDispatchMode):
    """Track the receptive field of every tensor that is computed from the image.

    Operators that are not handled here (sums, norms, concatenations) see what their inputs see.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.of = WeakTensorKeyDictionary({image: Field(1, 1)})

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs = [x for x in tree_leaves(args) if isinstance(x, Tensor)]
        fields = [self.of[x] for x in inputs if x in self.of]
        if fields:
            field = self._through(func.overloadpacket, args, out, union(fields))
            for tensor in tree_leaves(out):
                if isinstance(tensor, Tensor):
                    self.of[tensor] = field
        return out

    def _through(self, op: Any, args: tuple, out: Any, field: Field) -> Field:
        if op is ATEN.convolution:
            return field.window(args[1].shape[2], args[3][0], args[5][0])
        if op in POOLS:
            kernel = args[1][0]
            stride = args[2][0] if len(args) > 2 and args[2] else kernel
            return field.window(kernel, stride, 1)
        if op is ATEN.slice and len(args) > 4 and args[1] == 2:  # every n-th row
            return field.window(1, args[4], 1)
        if op in GLOBAL:
            return Field(inf, field.size, whole_image=True)
        if op in RESIZES and field.stride < inf:
            growth = 2 ** round(log2(out.shape[2] / args[0].shape[2]))
            size = field.size + field.stride  # a new position sees what its two neighbours see
            return field._replace(stride=field.stride / growth, size=size)
        return field


def union(fields: Iterable[Field]) -> Field:
    """The receptive field of a map computed from several maps, on the finest of their grids."""
    strides, sizes, whole = zip(*fields, strict=True)
    return Field(min(strides), max(sizes), any(whole))


class Stage(NamedTuple):
    """Consecutive convolutions larger than 1x1 in one part of a network, with one stride and rate.

    ``field`` is the receptive field of the last one. ``inside`` is the share of all applications of
    kernel weights that fall on the map and not on its padding (DeepLabv3, figure 4).
    """

    part: str
    first: str
    last: str
    convolutions: int
    rate: int
    size: tuple[int, int]
    field: Field
    inside: float


def spatial_calls(
    model: nn.Module, shape: Sequence[int]
) -> tuple[list[tuple[ConvCall, Field]], Field]:
    """All executed convolutions larger than 1x1 with their fields, and the field of the logits."""
    image, weights = torch.empty(tuple(shape), device='meta'), meta_weights(model)
    with Fields(image) as fields, conv_calls(model) as calls:
        logits = run_on_meta(model, image, weights)
    spatial = [(call, fields.of[call.output]) for call in calls if max(call.conv.kernel_size) > 1]
    return spatial, fields.of[logits]


def stages(model: nn.Module, shape: Sequence[int]) -> tuple[list[Stage], Field]:
    """The stages of a segmentor for an input of ``shape`` (N, C, H, W), and the logits' field."""

    def key(item: tuple[ConvCall, Field]) -> tuple:
        call, field = item
        return call.name.partition('.')[0], field.stride, call.conv.dilation[0]

    spatial, logits = spatial_calls(model, shape)
    result = []
    for (part, _, rate), group in groupby(spatial, key):
        members = list(group)
        call, field = members[-1]
        h, w = call.output.shape[2:]
        inside = taps_inside(call.conv.kernel_size[0], rate, h)
        inside *= taps_inside(call.conv.kernel_size[1], rate, w)
        first, last = (module_name(m[0].name) for m in (members[0], members[-1]))
        result.append(
            Stage(
                part,
                first,
                last=last,
                convolutions=len(members),
                rate=rate,
                size=(h, w),
                field=field,
                inside=inside,
            )
        )
    return result, logits


def taps_inside(kernel: int, rate: int, size: int) -> float:
    """Share of a kernel's taps along one axis that fall on a map of ``size`` positions, 0 to 1."""
    reach = kernel // 2
    return sum(max(size - abs(i) * rate, 0) for i in range(-reach, reach + 1)) / kernel / size


def module_name(name: str) -> str:
    """The name of a convolution inside its part, without mmcv's ``.conv`` at the end."""
    return name.partition('.')[2].removesuffix('.conv') or name


def input_channels(model: nn.Module) -> int:
    """Number of channels of the images that a segmentor takes: those of its first convolution."""
    return next((p.shape[1] for p in model.parameters() if p.ndim == 4), 3)


def degenerate_rates(model: nn.Module, shape: Sequence[int]) -> list[str]:
    """One sentence for each atrous convolution whose rate reaches beyond its map.

    All taps but the middle one then read padding only, so that a 3x3 kernel has become 1x1. The
    model does not change.

    Args:
        model: A segmentor, on any device.
        shape: (N, C, H, W) of the images it will see.
    """
    sentences = []
    for call, _ in spatial_calls(model, shape)[0]:
        rate, (h, w) = call.conv.dilation[0], call.input.shape[2:]
        if rate > 1 and rate >= min(h, w):
            k = call.conv.kernel_size[0]
            left = f'{1 if rate >= h else k}x{1 if rate >= w else k}'
            sentences.append(
                f'{call.name.removesuffix(".conv")}: rate {rate} reaches beyond its map of '
                f'{h} x {w} (for an input of {shape[2]} x {shape[3]}), so the {k}x{k} convolution '
                f'has become {left}: take larger crops or smaller rates'
            )
    return sentences
