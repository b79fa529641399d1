"""The ablation as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.ablation.plan import BANDS

# Okabe and Ito's palette: distinct for all kinds of colour vision, and each with its own marker.
LOOKS = (('#000000', 'o'), ('#d55e00', 's'), ('#0072b2', '^'), ('#009e73', 'D'), ('#cc79a7', 'v'))


def draw(entries: Sequence[dict], path: Path) -> None:
    """Write the mIoU of every seed (left) and the mIoU by width of the band (right) as PNG."""
    figure = Figure((9, 3.8), layout='constrained')
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    names = [entry['variant'] for entry in entries]
    for y, entry in enumerate(entries):
        colour, marker = LOOKS[y % len(LOOKS)]
        score = entry['mIoU']
        left.errorbar(
            score['mean'], y, xerr=score['spread'], color=colour, marker=marker, capsize=4, ms=8
        )
        shifted = y + 0.22 * np.ones(len(score['values']))
        left.plot(score['values'], shifted, '|', color=colour, ms=9)
    left.axvline(entries[0]['mIoU']['mean'], color='0.75', lw=1, zorder=0)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.4, -0.6)
    left.set_xlabel('mIoU in %: mean, spread, and each seed (ticks)')
    draw_bands(right, entries)
    for axes in (left, right):
        axes.spines[['top', 'right']].set_visible(False)
        axes.grid(color='0.92')
        axes.set_axisbelow(True)
    figure.savefig(path, dpi=100)


def draw_bands(axes: Axes, entries: Sequence[dict]) -> None:
    """One curve a variant over the widths, and the whole image at the right."""
    positions = np.arange(len(BANDS) + 1)
    for i, entry in enumerate(entries):
        colour, marker = LOOKS[i % len(LOOKS)]
        scores = [*(entry['trimap'][str(w)] for w in BANDS), entry['mIoU']]
        axes.errorbar(
            positions + 0.05 * (i - (len(entries) - 1) / 2),
            [score['mean'] for score in scores],
            [score['spread'] or 0 for score in scores],
            color=colour,
            marker=marker,
            capsize=2,
            label=entry['variant'],
        )
    axes.set_xticks(positions, [*(f'{w} px' for w in BANDS), 'whole'])
    axes.set_xlabel('band around the borders, and the whole image')
    axes.set_ylabel('mIoU in %')
    axes.legend(frameon=False, fontsize='small')
