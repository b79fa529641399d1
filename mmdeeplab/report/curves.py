"""Draw the learning curves of a work dir as a picture."""

from __future__ import annotations

from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.report.history import History, panels, read_history

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE = '#1c1f23', '#5c636b', '#e3e2dc'
COLOURS = ('#0b6b74', '#b3541e')
NAME = 'curves.png'


def draw_curves(work_dir: str | Path) -> Path | None:
    """Write ``WORK_DIR/curves.png``: loss, validation mIoU and learning rate over the steps.

    Returns:
        The picture's path; None if nothing was logged.
    """
    drawn = panels(read_history(work_dir))
    if not drawn:
        return None
    from matplotlib.figure import Figure  # half a second, which other commands need not wait

    figure = Figure((4.4 * len(drawn), 3.3), layout='constrained')
    for axes, (title, curves) in zip(
        figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True
    ):
        draw(axes, title, curves)
    path = Path(work_dir) / NAME
    figure.savefig(path, dpi=130)
    return path


def try_to_draw(work_dir: str | Path, logger: Logger) -> None:
    """:func:`draw_curves` at the end of a run; an error is only logged."""
    try:
        if path := draw_curves(work_dir):
            logger.info(f'curves of training: {path}')
    except Exception as error:
        logger.warning(f'no picture of the curves: {error}')


def draw(axes: Axes, title: str, curves: History) -> None:
    """Draw one panel; long curves are thin, short ones have dots."""
    for colour, (label, points) in zip(COLOURS, curves.items(), strict=False):
        marker = 'o' if len(points) <= 40 else ''
        axes.plot(
            *zip(*points, strict=True), color=colour, marker=marker, ms=3.5, lw=1.6, label=label
        )
    axes.set_title(title, loc='left', fontsize=11, color=INK, pad=10)
    axes.set_xlabel('step', color=SOFT)
    axes.tick_params(colors=SOFT, length=0)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.spines['bottom'].set_color(LINE)
    axes.grid(axis='y', color=LINE)
    axes.set_axisbelow(True)
    if len(curves) > 1:
        axes.legend(frameon=False, labelcolor=SOFT)
