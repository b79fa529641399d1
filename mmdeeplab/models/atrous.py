"""Output stride as arithmetic: which stride and which atrous rate every unit of a network executes.

A network is written once, with its nominal strides (output stride 32). Asking for a smaller output
stride removes later strides and dilates what follows, so that the filters keep their field of view
on the input. Rates are not parameters: one checkpoint loads at every output stride.

Source: DeepLabv3 (arXiv 1706.05587) section 3.1; `research/slim/nets/resnet_utils.py` and
`research/deeplab/core/xception.py` of tensorflow/models (`stack_blocks_dense`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor, sym_int

from mmdeeplab.errors import choose

OUTPUT_STRIDES = (8, 16, 32)
STRIDE = 16  # of the coarsest map that shipped networks predict from


class Step(NamedTuple):
    """The stride of one unit of a backbone, and the atrous rate of its 3x3 convolutions."""

    stride: int
    rate: int


def check_output_stride(output_stride: int) -> int:
    """Return ``output_stride``, or raise a ValueError that names it and the choices."""
    choose('output_stride', output_stride, OUTPUT_STRIDES)
    return output_stride


def block_strides(units: Sequence[int], at_end: bool) -> list[int]:
    """Nominal stride of every unit of a ResNet whose map is halved between two blocks.

    Args:
        units: Number of units of each block, in order.
        at_end: Whether the last unit of a block has stride 2 (TensorFlow's ResNet); otherwise it is
            the first unit of the next block.

    Returns:
        1 or 2 for each unit of all blocks, in order.
    """
    strides: list[int] = []
    for i, count in enumerate(units):
        block = [1] * count
        if at_end and i < len(units) - 1:
            block[-1] = 2
        elif not at_end and i > 0:
            block[0] = 2
        strides += block
    return strides


def atrous_steps(
    strides: Sequence[int], output_stride: int, reached: int = 1, strided_first: bool = False
) -> list[Step]:
    """Turn nominal strides into executed strides and rates.

    While the product of strides is below ``output_stride`` a unit keeps its stride. Afterwards its
    stride becomes 1 and every *later* unit dilates by it; the unit that lost its stride keeps the
    rate it had, because in it the stride came after (or in) its last 3x3 convolution.

    Args:
        strides: Nominal stride of each unit, in order.
        output_stride: Wanted ratio of input to output resolution.
        reached: Stride already reached before the first unit (the stem's).
        strided_first: A unit strides before its 3x3 convolution (Caffe's ResNet), so that the unit
            that lost its stride dilates by it as well.

    Raises:
        ValueError: The strides cannot be cut at exactly ``output_stride``.
    """
    steps, rate = [], 1
    for stride in strides:
        if reached * stride <= output_stride:
            reached *= stride
            steps.append(Step(stride, rate))
        else:
            steps.append(Step(1, rate * stride if strided_first else rate))
            rate *= stride
    if reached != output_stride:
        raise ValueError(
            f'strides {tuple(strides)} reach output stride {reached}, not {output_stride}'
        )
    return steps


def step_at(nominal: int, stride: int, output_stride: int) -> Step:
    """Stride and rate of a layer, given the nominal stride of the map that it reads.

    :func:`atrous_steps` needs the layers in order; this needs only the layer's input. When a map of
    nominal stride s is kept at a finer ``output_stride``, the pixels of the original map lie
    s / ``output_stride`` pixels apart in it, so the layer dilates by that number.

    Args:
        nominal: Stride of the input map in the network as published, a power of two.
        stride: Stride of the layer in the network as published.
        output_stride: Wanted ratio of input to output resolution.
    """
    rate = max(nominal // output_stride, 1)
    return Step(min(stride, max(output_stride // nominal, 1)), rate)


def scale_rates(rates: Sequence[Any], old: int, new: int) -> tuple[Any, ...]:
    """A neck's atrous rates for another output stride, with the same field of view in the image.

    6/12/18 at 16 become 12/24/36 at 8 and 3/6/9 at 32 (DeepLabv3, section 4.1). A rate may be a
    pair, of height and width.

    Raises:
        ValueError: A rate would not be a whole number.
    """
    if any(isinstance(rate, Sequence) for rate in rates):
        return tuple(scale_rates(rate, old, new) for rate in rates)
    if any(rate * old % new for rate in rates):
        raise ValueError(f'rates {tuple(rates)} at output stride {old} have no equal at {new}')
    return tuple(rate * old // new for rate in rates)


def scaled(side: int, scale: float) -> int:
    """Length of an image's side after resizing with aligned corners (TF's ``scale_dimension``).

    Side 513 at scale 0.5, 0.75, 1.25 becomes 257, 385, 641. A symbolic side, as exporters with open
    sizes pass it, gives a symbolic result.
    """
    grown = (side - 1) * scale + 1
    return grown.long() if isinstance(grown, Tensor) else sym_int(grown)


def corners_aligned(size: Sequence[int]) -> bool:
    """Whether every side is 16 k + 1 pixels (17, 33, ..., 513), as TF's "SAME" padding wants it."""
    return all(side > STRIDE and side % STRIDE == 1 for side in size)


def aligned(side: int) -> int:
    """The smallest number 16 k + 1 that is at least ``side``."""
    return (side + STRIDE - 2) // STRIDE * STRIDE + 1


def aligned_within(side: int) -> int:
    """The largest number 16 k + 1 that is at most ``side``."""
    return (side - 1) // STRIDE * STRIDE + 1
