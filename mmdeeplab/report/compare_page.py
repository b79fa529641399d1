"""The page that compares two evaluations."""

from collections.abc import Sequence
from pathlib import Path

from mmdeeplab.report import charts
from mmdeeplab.report.compare import Comparison, changed_images
from mmdeeplab.report.history import History, panels, read_history
from mmdeeplab.report.html import render
from mmdeeplab.report.page import facts
from mmdeeplab.report.sections import Figures, best_first


def build_comparison(result: Comparison, runs: Sequence[dict], names: Sequence[str]) -> str:
    """The page about two runs, given by their metrics and ``names``."""
    histories = [read_history(Path(str(run.get('checkpoint', ''))).parent) for run in runs]
    count = runs[0].get('num_images')
    first, *means = result.means
    return render(
        'comparison.html',
        title=f'{names[1]} against {names[0]}',
        eyebrow='Comparison of two runs',
        subtitle=f'{count:,} images' if count else '',
        names=names,
        first=first,
        means=means,
        note=result.note,
        classes=sorted(result.classes, key=lambda row: best_first(row.value)),
        curves=curves(runs, histories, names),
        images=images(runs),
        settings=settings(runs),
    )


def curves(runs: Sequence[dict], histories: Sequence[History], names: Sequence[str]) -> Figures:
    """Charts of both runs: mIoU near borders, and training."""
    drawn = []
    bands = [
        sorted((float(w), s) for w, s in (run.get('trimap') or {}).items() if s is not None)
        for run in runs
    ]
    if all(len(points) > 1 for points in bands):
        labels = ('width of the band in pixels', 'mIoU in %')
        pair = dict(zip(names, bands, strict=True))
        drawn.append((charts.curves('Borders', pair, labels), 'mIoU near the borders'))
    for title, label in (('Validation mIoU', 'mIoU'), ('Loss', 'training')):
        series = [panels(history).get(title, {}).get(label, []) for history in histories]
        if all(series):
            pair = dict(zip(names, series, strict=True))
            dots = all(len(points) <= 20 for points in series)
            drawn.append((charts.curves(title, pair, ('step', title), dots=dots), title))
    return drawn


def images(runs: Sequence[dict]) -> dict[str, list]:
    """Images with the largest gain and loss, by title: id, mIoU of the first and second run."""
    lists = zip(('Gained most', 'Lost most'), changed_images(runs[0], runs[1]), strict=True)
    return {title: list(rows) for title, rows in lists if rows}


def settings(runs: Sequence[dict]) -> list[tuple[str, str, str]]:
    """Rows with the settings of both runs: the name, and the two values if one is known."""
    first, second = (facts(run) for run in runs)
    rows = []
    for key, value in first.items():
        a, b = ('' if v in (None, '') else str(v) for v in (value, second[key]))
        if a or b:
            rows.append((key, a, b))
    return rows
