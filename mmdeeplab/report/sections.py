"""The contents of the parts of a report's page, from the metrics; parts without data are empty."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from mmdeeplab.report import charts
from mmdeeplab.report.history import History, panels
from mmdeeplab.report.html import interval, number
from mmdeeplab.report.pictures import Example
from mmdeeplab.visualization.voc_palette import voc_palette

STATS = dict(
    mAcc='mean accuracy', aAcc='pixel accuracy', fwIoU='frequency-weighted IoU', loss='loss'
)
GOOD = 50  # mIoU in percent from which an image may be called one of the best
EXTRA = ('precision', 'recall', 'F1')  # columns of classes where the metrics have them
Figures = list[tuple[Markup, str]]
"""Drawings and their captions."""
Colour = tuple[int, ...] | None


def summary(metrics: dict) -> dict:
    """The mIoU, the other means as cards, and the classes that the labels lack."""
    around = metrics.get('intervals') or {}
    cards = [
        card(title, metrics.get(key), interval(around.get(key), digits), digits)
        for key, title in STATS.items()
        if key in metrics
        for digits in [4 if key == 'loss' else 2]
    ]
    if boundary := metrics.get('boundary_iou'):
        ratio = f'{100 * boundary.get("ratio", 0.02):g} % of the diagonal'
        cards.append(card('Boundary IoU', boundary['mean'], ratio))
    if published := (metrics.get('published') or {}).get('mIoU'):
        cards.append(card('published mIoU', published, metrics['published']['source']))
    return dict(
        score=metrics.get('mIoU'),
        around=around.get('mIoU'),
        cards=cards,
        absent=metrics.get('absent'),
    )


def card(title: str, value: float | None, under: str, digits: int = 2) -> dict:
    """A small card: a score under its title, and a line below."""
    return dict(title=title, value=value, under=under, digits=digits)


def classes(metrics: dict) -> list[dict]:
    """A row for each class, best first: its scores, its share of the pixels, and its colour."""
    rows = metrics['per_class']
    colours = dict(zip(rows, palette(len(rows)), strict=False))
    return [
        dict.fromkeys(('interval', *EXTRA))
        | row
        | dict(name=name, colour=colours.get(name), share=share(row.get('frequency')))
        for name, row in sorted(rows.items(), key=lambda item: best_first(item[1].get('IoU')))
    ]


def best_first(score: float | None) -> tuple[bool, float]:
    """A key that sorts scores from the largest to the smallest, and missing ones to the end."""
    return score is None, -(score or 0)


def palette(count: int) -> list[Colour]:
    """Colours of the first ``count`` classes, as the pictures have them; there are 256."""
    return [tuple(map(int, colour)) for colour in voc_palette(min(count, 256))]


def extra(metrics: dict) -> list[str]:
    """The additional columns for which some class has a score."""
    return [key for key in EXTRA if any(key in row for row in metrics['per_class'].values())]


def share(frequency: float | None) -> str:
    """A share of pixels with as many digits as it needs."""
    if frequency is None:
        return number(None)
    digits = 1 if frequency >= 1 else 2 if frequency >= 0.1 else 3
    return f'{frequency:.{digits}f} %'


def frequencies(metrics: dict) -> Figures:
    """A chart of the IoU of each class over its share of the pixels."""
    points = {
        name: (row['frequency'], row['IoU'])
        for name, row in metrics['per_class'].items()
        if row.get('frequency') and row.get('IoU') is not None
    }
    if len(points) < 2:
        return []
    picture = charts.scatter('Classes', points, ('share of the pixels in %', 'IoU in %'))
    return [(picture, 'IoU against class frequency: are the rare classes the weak ones?')]


def borders(metrics: dict) -> Figures:
    """A chart of the mIoU near the borders of the truth, by width of the band."""
    bands = [(float(w), s) for w, s in (metrics.get('trimap') or {}).items() if s is not None]
    if len(bands) < 2:
        return []
    labels = ('width of the band in pixels', 'mIoU in %')
    picture = charts.curves('Borders', {'trimap': sorted(bands)}, labels, rule=metrics['mIoU'])
    return [(picture, 'mIoU within a band around the borders; dashed: the whole image.')]


def confusion(metrics: dict) -> dict | None:
    """The heat map of the confusion matrix, and the largest confusions."""
    if 'confusion' not in metrics:
        return None
    names = list(metrics['per_class'])
    counts = np.array(metrics['confusion'], float)
    with np.errstate(invalid='ignore'):
        rows = np.nan_to_num(100 * counts / counts.sum(1, keepdims=True))
    worst = [
        (rows[r, c], names[r], names[c])
        for r in range(len(names))
        for c in range(len(names))
        if r != c and rows[r, c] >= 0.05
    ]
    return dict(
        heat_map=charts.heat_map(rows.tolist(), names), largest=sorted(worst, reverse=True)[:16]
    )


def images(
    examples: Mapping[str, Sequence[Example]], names: Sequence[str]
) -> dict[str, list[dict]]:
    """The worst and the best images, by title: panels, scores and the classes in them.

    The latter are titled as best images only if one has a mIoU of at least 50.
    """
    colours = palette(len(names))
    good = any(example.row['mIoU'] >= GOOD for example in examples.get('best', ()))
    titles = {'worst': 'Worst images', 'best': 'Best images' if good else 'Least wrong images'}
    return {
        title: [
            dict(
                name=str(example.row['id']),
                mIoU=example.row['mIoU'],
                aAcc=example.row.get('aAcc'),
                panels=example.panels,
                legend=[
                    (colours[i] if i < len(colours) else None, names[i]) for i in example.classes
                ],
            )
            for example in examples[group]
        ]
        for group, title in titles.items()
        if examples.get(group)
    }


def training(history: History) -> Figures:
    """Curves of training."""
    figures = []
    for title, curves in panels(history).items():
        dots = all(len(points) <= 20 for points in curves.values())
        caption = title
        if len(curves) > 1:
            caption += ': training, and in the second colour validation'
        figures.append((charts.curves(title, curves, ('step', title), dots=dots), caption))
    return figures


def settings(rows: Mapping[str, object]) -> dict[str, object]:
    """Rows about what was measured and how, as far as it is known."""
    return {name: value for name, value in rows.items() if value not in (None, '', [])}
