"""Kernels with holes, and how fast the field of view grows with them."""

from collections.abc import Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import BLUE, GREY, INK, ORANGE, PALE, TIMES, bare, cell, grid, sheet


def effective_kernel(kernel: int, rate: int) -> int:
    """Side of the area that a kernel at a rate covers: k + (k - 1)(r - 1) (DeepLabv2, 3.1)."""
    return kernel + (kernel - 1) * (rate - 1)


def taps(rate: int, kernel: int = 3) -> list[int]:
    """Offsets at which a kernel of odd side reads, along one side."""
    half = kernel // 2
    return [rate * i for i in range(-half, half + 1)]


def reached(rates: Sequence[int], kernel: int = 3) -> list[set[int]]:
    """Offsets that one output reads, layer by layer from the output {0} down to the input.

    Args:
        rates: Rates of the layers, the one next to the input first.
        kernel: Side of the kernel, odd.
    """
    layers = [{0}]
    for rate in reversed(rates):
        layers.append({at + tap for at in layers[-1] for tap in taps(rate, kernel)})
    return layers


def kernels(rates: Sequence[int] = (1, 2, 4)) -> Figure:
    """Nine weights at several rates, on a grid that holds the widest."""
    side = effective_kernel(3, max(rates)) + 2
    middle = side // 2
    figure = sheet(8, 3.05)
    for axes, rate in zip(figure.subplots(1, len(rates)), rates, strict=True):
        covered = effective_kernel(3, rate)
        bare(axes, f'rate {rate}: 9 weights over {covered} {TIMES} {covered}')
        cell(axes, middle, middle, '#d6e8f4', covered)
        for column, row in product(taps(rate), repeat=2):
            centre = (column, row) == (0, 0)
            cell(axes, middle + column, middle + row, ORANGE if centre else BLUE)
        grid(axes, side)
    return figure


def receptive_fields(stacks: Sequence[Sequence[int]] = ((1, 1, 1), (1, 2, 4))) -> Figure:
    """The inputs that one output sees through three 3x3 layers, in one dimension."""
    reach = max(max(reached(rates)[-1]) for rates in stacks)
    figure = sheet(8, 2.6)
    for axes, rates in zip(figure.subplots(1, len(stacks)), stacks, strict=True):
        seen = 2 * max(reached(rates)[-1]) + 1
        draw_stack(axes, rates, reach)
        axes.set_title(f'rates {", ".join(map(str, rates))}: one output sees {seen} inputs')
        axes.title.set(fontsize=10, color=INK)
    return figure


def draw_stack(axes: Axes, rates: Sequence[int], reach: int) -> None:
    """Layers from the input (bottom) to the output (top); what the middle output needs is blue."""
    layers = reached(rates)
    top = len(rates)
    for depth, needed in enumerate(layers):
        level = top - depth
        if depth < top:
            for at, tap in product(sorted(needed), taps(rates[level - 1])):
                axes.plot([at, at + tap], [level, level - 1], color=BLUE, lw=0.8, zorder=1)
        for at in range(-reach, reach + 1):
            colour = (ORANGE if level == top else BLUE) if at in needed else PALE
            edge = INK if at in needed else GREY
            axes.plot(at, level, 'o', ms=6.5, color=colour, mec=edge, mew=0.6, zorder=2)
        name = f'rate {rates[level - 1]}' if level else 'input'
        axes.text(-reach - 1, level, name, ha='right', va='center', fontsize=9, color=INK)
    axes.set_axis_off()
    axes.set_xlim(-reach - 4.5, reach + 0.7)
    axes.set_ylim(-0.4, top + 0.4)
