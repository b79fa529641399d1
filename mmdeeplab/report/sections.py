"""The parts of a report's page, each from the metrics; a part without data is empty."""

from collections.abc import Mapping, Sequence

import numpy as np

from mmdeeplab.report import charts
from mmdeeplab.report.history import History, panels
from mmdeeplab.report.html import (
    bar,
    definitions,
    escape,
    figure,
    interval,
    number,
    scrolling,
    section,
    table,
    wide,
)
from mmdeeplab.report.pictures import Example
from mmdeeplab.visualization.voc_palette import voc_palette

STATS = dict(
    mAcc='mean accuracy', aAcc='pixel accuracy', fwIoU='frequency-weighted IoU', loss='loss'
)
LONG = 40  # rows from which a table scrolls by itself


def summary(metrics: dict) -> str:
    """The mIoU large, the other means beside it."""
    around = metrics.get('intervals') or {}
    score, pair = metrics.get('mIoU'), around.get('mIoU')
    words = f'mIoU in % of {len(metrics["per_class"])} classes'
    if pair:
        words += f'<br><small>95 % interval over images: {interval(pair)}</small>'
    headline = f'<b>{number(score)}</b><span>{words}</span>{bar(score, pair)}'
    values = [
        stat(title, metrics.get(key), around.get(key), 4 if key == 'loss' else 2)
        for key, title in STATS.items()
        if key in metrics
    ]
    if boundary := metrics.get('boundary_iou'):
        ratio = f'{100 * boundary.get("ratio", 0.02):g} % of the diagonal'
        values.append(stat('Boundary IoU', boundary['mean'], None, 2, ratio))
    if published := (metrics.get('published') or {}).get('mIoU'):
        values.append(stat('published mIoU', published, None, 2, metrics['published']['source']))
    absent = metrics.get('absent')
    note = f'Not in the labels: {escape(", ".join(absent))}.' if absent else ''
    callout = f'<p class="callout">{note}</p>' if note else ''
    return (
        f'<section id="summary" aria-label="Summary"><div class="hero"><p class="headline">'
        f'{headline}</p><div class="stats">{"".join(values)}</div></div>{callout}</section>'
    )


def stat(
    title: str, value: float | None, around: Sequence[float] | None, digits: int, words: str = ''
) -> str:
    """A small card."""
    under = interval(around, digits) or words
    return (
        f'<div class="stat"><span>{escape(title)}</span><b>{number(value, digits)}</b>'
        f'<small>{escape(under)}</small></div>'
    )


def classes(metrics: dict) -> str:
    """One row a class, best first."""
    rows = metrics['per_class']
    palette = voc_palette(min(len(rows), 256))
    chips = dict(zip(rows, palette, strict=False))
    extra = [k for k in ('precision', 'recall', 'F1') if any(k in row for row in rows.values())]
    head = ['Class', '<span class="words">IoU and its 95 % interval</span>', 'IoU']
    head += [*map(wide, extra), 'share of pixels']
    body = [
        [
            chip(chips.get(name)) + escape(name),
            bar(row.get('IoU'), row.get('interval')),
            number(row.get('IoU'), 1),
            *(wide(number(row.get(key), 1)) for key in extra),
            share(row.get('frequency')),
        ]
        for name, row in sorted(rows.items(), key=lambda item: -(item[1].get('IoU') or -1))
    ]
    drawn = table(head, body, 'classes')
    if len(body) > LONG:
        drawn = f'<div class="tall">{drawn}</div>'
    lead = 'Percent, best first; the line spans the 95 % interval over images.'
    return section('classes', 'Classes', lead, drawn)


def chip(colour: Sequence[int] | None) -> str:
    """A class's colour in the pictures."""
    if colour is None:
        return ''
    return f'<span class="chip" style="background:rgb{tuple(colour)}" aria-hidden="true"></span>'


def share(frequency: float | None) -> str:
    """A share of pixels with as many digits as it needs."""
    if frequency is None:
        return number(None)
    digits = 1 if frequency >= 1 else 2 if frequency >= 0.1 else 3
    return f'{frequency:.{digits}f} %'


def frequencies(metrics: dict) -> str:
    """IoU against how many pixels a class has."""
    points = {
        name: (row['frequency'], row['IoU'])
        for name, row in metrics['per_class'].items()
        if row.get('frequency') and row.get('IoU') is not None
    }
    if len(points) < 2:
        return ''
    picture = charts.scatter('Classes', points, ('share of the pixels in %', 'IoU in %'))
    return figure(picture, 'IoU against class frequency: are the rare classes the weak ones?')


def borders(metrics: dict) -> str:
    """mIoU near the borders of the truth, by width of the band."""
    bands = [(float(w), s) for w, s in (metrics.get('trimap') or {}).items() if s is not None]
    if len(bands) < 2:
        return ''
    labels = ('width of the band in pixels', 'mIoU in %')
    picture = charts.curves('Borders', {'trimap': sorted(bands)}, labels, rule=metrics['mIoU'])
    return figure(picture, 'mIoU within a band around the borders; dashed: the whole image.')


def confusion(metrics: dict) -> str:
    """Heat map and the largest confusions."""
    if 'confusion' not in metrics:
        return ''
    names = list(metrics['per_class'])
    counts = np.array(metrics['confusion'], float)
    with np.errstate(invalid='ignore'):
        rows = np.nan_to_num(100 * counts / counts.sum(1, keepdims=True))
    lead = (
        'Each row is a class of the truth and sums to 100 %; columns are what was predicted. '
        'Colour grows with the root of the share, so that small confusions show.'
    )
    heat = scrolling('Confusion matrix', charts.heat_map(rows.tolist(), names))
    worst = [
        (rows[r, c], names[r], names[c])
        for r in range(len(names))
        for c in range(len(names))
        if r != c and rows[r, c] >= 0.05
    ]
    items = ''.join(
        f'<li><span>{escape(a)} <span class="pale">as</span> {escape(b)}</span>'
        f'<b>{value:.1f} %</b></li>'
        for value, a, b in sorted(worst, reverse=True)[:16]
    )
    most = (
        f'<div><h3 style="margin-top:0">Largest confusions</h3><ol class="plain">{items}</ol></div>'
    )
    kind = 'matrix large' if len(names) > LONG else 'matrix'
    return section('confusion', 'Confusions', lead, f'<div class="{kind}">{heat}{most}</div>')


def more(metrics: dict) -> str:
    """Borders and frequencies side by side."""
    drawn = ''.join([borders(metrics), frequencies(metrics)])
    if not drawn:
        return ''
    lead = 'Where the score is lost: near the borders of objects, and on rare classes.'
    return section('where', 'Borders and rare classes', lead, f'<div class="charts">{drawn}</div>')


def examples(found: Mapping[str, Sequence[Example]], names: Sequence[str]) -> str:
    """Worst and best images."""
    palette = voc_palette(min(len(names), 256))
    parts = []
    for kind, title in (('worst', 'Worst images'), ('best', 'Best images')):
        if found.get(kind):
            cards = ''.join(card(item, names, palette) for item in found[kind])
            parts.append(f'<h3>{title}</h3><div class="examples">{cards}</div>')
    lead = 'Image, truth, prediction, and the error: wrong pixels red, the rest of the image pale.'
    return section('images', 'Images', lead, *parts)


def card(item: Example, names: Sequence[str], palette: Sequence[Sequence[int]]) -> str:
    """One image: four panels and the classes in them."""
    name = escape(str(item.row['id']))
    pictures = ''.join(
        f'<div><img class="{"labels" if panel in ("truth", "prediction") else ""}" '
        f'loading="lazy" alt="{panel} of {name}" src="{uri}">{panel}</div>'
        for panel, uri in item.panels.items()
    )
    legend = ' '.join(
        f'<span>{chip(palette[i] if i < len(palette) else None)}{escape(names[i])}</span>'
        for i in item.classes
    )
    caption = f'<b>{name}</b> · mIoU {number(item.row["mIoU"], 1)}'
    if item.row.get('aAcc') is not None:
        caption += f' · pixel accuracy {number(item.row["aAcc"], 1)}'
    caption += f'<span class="legend">{legend}</span>'
    return figure(f'<div class="panels">{pictures}</div>', caption).replace(
        '<figure>', '<figure class="example">'
    )


def training(history: History) -> str:
    """Curves of training."""
    drawn = ''
    for title, curves in panels(history).items():
        few = all(len(points) <= 20 for points in curves.values())
        caption = title
        if len(curves) > 1:
            caption += ': training, and in the second colour validation'
        drawn += figure(charts.curves(title, curves, ('step', title), dots=few), caption)
    if not drawn:
        return ''
    lead = 'From the log beside the checkpoint.'
    return section('training', 'Training', lead, f'<div class="charts">{drawn}</div>')


def settings(rows: Mapping[str, object]) -> str:
    """What was measured, and how."""
    known = {name: value for name, value in rows.items() if value not in (None, '', [])}
    lead = 'What was measured, and with what.'
    return section('settings', 'Settings', lead, definitions(known) if known else '')
