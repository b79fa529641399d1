"""The pooling pyramid and the atrous pyramid over the same map."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from figures.kernels import taps
from figures.style import BLUE, GREY, INK, ORANGE, TIMES, bare, cell, grid, sheet

SIDE = 33
"""Side of the map at output stride 16 of a 513 x 513 input."""
PIXEL = (14, 13)
"""Column and row of the pixel whose context is drawn; off centre, so that zero padding shows."""
MARK = 2.6
"""Side of the squares that mark pixels, in pixels of the map: larger than life."""


def pyramids(bins: Sequence[int] = (1, 2, 3, 6), rates: Sequence[int] = (6, 12, 18)) -> Figure:
    """What one pixel (orange) learns of its surroundings from either pyramid (blue)."""
    figure = sheet(8, 4)
    parts: Any = figure.subfigures(2, 1, hspace=0.06, height_ratios=(1, 1.12))
    above, below = parts
    own, *cells = row(above, 'Pooling pyramid: cells fixed to the image', 1 + len(bins), 7)
    atrous(own, 0, 'the map itself')
    for axes, count in zip(cells, bins, strict=True):
        pooled(axes, count, f'{count} {TIMES} {count}' if count > 1 else 'mean of the map')
    title = 'Atrous pyramid: kernels that move with the pixel'
    own, *holes, mean = row(below, title, 2 + len(rates), 12)
    atrous(own, 0, f'1 {TIMES} 1')
    for axes, rate in zip(holes, rates, strict=True):
        atrous(axes, rate, f'rate {rate}')
    pooled(mean, 1, 'image pooling')
    return figure


def row(part: SubFigure, title: str, count: int, above: float) -> list[Axes]:
    """Panels of one size, with ``above`` pixels of room over the map."""
    part.suptitle(title, fontsize=11, color=INK, weight='bold')
    panels = list(part.subplots(1, count))
    for axes in panels:
        axes.set_xlim(-6, SIDE + 5)
        axes.set_ylim(SIDE + 1, -above)
    return panels


def pooled(axes: Axes, count: int, title: str) -> None:
    """The map in count x count cells; the one that holds the pixel is shaded."""
    label(axes, title)
    size = SIDE / count
    column, line = (int((at + 0.5) / size) for at in PIXEL)
    cell(axes, (column + 0.5) * size - 0.5, (line + 0.5) * size - 0.5, '#9ccbe8', size)
    grid(axes, SIDE, GREY, count)
    cell(axes, *PIXEL, ORANGE, MARK, edgecolor=INK, linewidth=0.6, zorder=4)


def label(axes: Axes, title: str) -> None:
    """The title above the map, not above the panel."""
    bare(axes)
    top = min(axes.get_ylim())
    axes.text((SIDE - 1) / 2, top + 3, title, ha='center', va='center', fontsize=10, color=INK)


def atrous(axes: Axes, rate: int, title: str) -> None:
    """The nine taps around the pixel; those in the zero padding are hollow. Rate 0: 1x1."""
    label(axes, title)
    grid(axes, SIDE, cells=1)
    for x, y in product(taps(rate), repeat=2) if rate else []:
        column, line = PIXEL[0] + x, PIXEL[1] + y
        inside = 0 <= column < SIDE and 0 <= line < SIDE
        fill, edge = (BLUE, INK) if inside else ('white', BLUE)
        cell(axes, column, line, fill, MARK, edgecolor=edge, linewidth=0.8, zorder=4)
    cell(axes, *PIXEL, ORANGE, MARK, edgecolor=INK, linewidth=0.6, zorder=5)
