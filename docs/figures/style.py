"""One look for all drawings; colours by Okabe and Ito, distinct for all kinds of colour vision."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

BLUE, ORANGE, GREEN, RED = '#0072b2', '#e69f00', '#009e73', '#d55e00'
INK, GREY, PALE = '#222222', '#999999', '#eeeeee'
DPI = 130
TIMES = '\N{MULTIPLICATION SIGN}'


def sheet(width: float, height: float) -> Figure:
    """An empty figure of so many inches; 8 inches are 1040 pixels."""
    return Figure((width, height), dpi=DPI, layout='constrained')


def bare(axes: Axes, title: str = '') -> Axes:
    """Axes without frame and ticks, equal scales, the first row on top."""
    axes.set_aspect('equal')
    axes.set_axis_off()
    axes.set_title(title, fontsize=10, color=INK)
    return axes


def cell(axes: Axes, column: float, row: float, colour: str, size: float = 1, **looks: Any) -> None:
    """A filled square whose centre lies at (column, row)."""
    corner = (column - size / 2, row - size / 2)
    square = Rectangle(corner, size, size, facecolor=colour, **{'linewidth': 0, **looks})
    axes.add_patch(square)


def grid(axes: Axes, side: int, colour: str = '#cccccc', cells: int | None = None) -> None:
    """A square of ``side`` units from (-0.5, -0.5) on, ruled into ``cells`` x ``cells``."""
    cells = side if cells is None else cells
    low, high = -0.5, side - 0.5
    for i in range(cells + 1):
        at = low + side * i / cells
        outer = i in (0, cells)
        ink, width = (INK, 1.0) if outer else (colour, 0.6)
        for xs, ys in (([low, high], [at, at]), ([at, at], [low, high])):
            axes.plot(xs, ys, color=ink, linewidth=width, zorder=3)
