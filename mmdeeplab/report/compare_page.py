"""Two evaluations side by side on one page."""

from collections.abc import Sequence
from pathlib import Path

from mmdeeplab.report import charts
from mmdeeplab.report.compare import Comparison, Difference, between, changed_images, signed
from mmdeeplab.report.history import History, panels, read_history
from mmdeeplab.report.html import bar, escape, figure, number, page, section, table, wide
from mmdeeplab.report.page import facts

ARROW = '\N{RIGHTWARDS ARROW}'


def build_comparison(result: Comparison, runs: Sequence[dict], names: Sequence[str]) -> str:
    """The page of two metrics; ``names`` are what the runs are called."""
    histories = [read_history(Path(str(run.get('checkpoint', ''))).parent) for run in runs]
    body = [
        summary(result, names),
        classes(result, names),
        curves(runs, histories, names),
        images(runs),
        settings(runs, names),
    ]
    footer = 'Intervals: Bayesian bootstrap, the same weights of images for both runs.'
    count = runs[0].get('num_images')
    subtitle = f'{count:,} images' if count else ''
    return page(f'{names[1]} against {names[0]}', 'Comparison of two runs', subtitle, body, footer)


def summary(result: Comparison, names: Sequence[str]) -> str:
    """The difference large, both scores below and the other means beside it."""
    first = result.means[0]
    words = escape(result.note)
    if first.interval:
        words = f'95 % interval: {between(first.interval)}; '
        words += 'it leaves 0 out' if first.sure else 'it holds 0: this may be chance'
    cards = ''.join(
        f'<div class="stat"><span>{escape(row.name)}</span><b>{signed(row.value)}</b>'
        f'<small>{number(row.a)} {ARROW} {number(row.b)}</small></div>'
        for row in result.means[1:]
    )
    return (
        '<section id="summary" aria-label="Summary"><div class="hero"><div class="headline">'
        f'<b>{signed(first.value)}</b><span>{escape(first.name)}, percentage points</span>'
        f'<small>{words}</small>{both(names, first)}</div>'
        f'<div class="stats">{cards}</div></div></section>'
    )


def both(names: Sequence[str], row: Difference) -> str:
    """The runs' names with the bars of their score: the key to the colours."""
    lines = zip(names, (row.a, row.b), ('', 'b'), strict=True)
    return ''.join(
        f'<div class="run"><span>{escape(name)}</span><span>{number(score)}</span>'
        f'{bar(score, kind=kind)}</div>'
        for name, score, kind in lines
    )


def classes(result: Comparison, names: Sequence[str]) -> str:
    """One row a class, the largest gain first."""
    head = ['Class', '<span class="words">IoU of both</span>', *map(wide, names)]
    head += ['difference', wide('95 % interval')]
    body = [
        [
            escape(row.name),
            bar(row.a) + bar(row.b, kind='b'),
            wide(number(row.a, 1)),
            wide(number(row.b, 1)),
            f'<span class="{colour(row)}">{signed(row.value, 1)}</span>',
            wide(between(row.interval, 1)),
        ]
        for row in sorted(result.classes, key=lambda row: -(row.value or 0))
    ]
    lead = 'IoU in percent, the largest gain first; coloured where the interval leaves 0 out.'
    return section('classes', 'Classes', lead, table(head, body, 'classes pair'))


def colour(row: Difference) -> str:
    """Style of a difference's text."""
    if not row.sure or row.value is None:
        return 'pale'
    return 'up' if row.value > 0 else 'down'


def curves(runs: Sequence[dict], histories: Sequence[History], names: Sequence[str]) -> str:
    """Borders and training of both."""
    drawn = []
    bands = [sorted((float(w), s) for w, s in (r.get('trimap') or {}).items() if s) for r in runs]
    if all(len(points) > 1 for points in bands):
        labels = ('width of the band in pixels', 'mIoU in %')
        pair = dict(zip(names, bands, strict=True))
        drawn.append(figure(charts.curves('Borders', pair, labels), 'mIoU near the borders'))
    for title, label in (('Validation mIoU', 'mIoU'), ('Loss', 'training')):
        found = [panels(history).get(title, {}).get(label, []) for history in histories]
        if all(found):
            pair = dict(zip(names, found, strict=True))
            few = all(len(points) <= 20 for points in found)
            drawn.append(figure(charts.curves(title, pair, ('step', title), dots=few), title))
    keys = zip(('a', 'b'), names, strict=True)
    lead = ' &emsp; '.join(f'<span class="key {k}"></span>{escape(name)}' for k, name in keys)
    body = f'<div class="charts">{"".join(drawn)}</div>' if drawn else ''
    return section('curves', 'Borders and training', lead, body)


def images(runs: Sequence[dict]) -> str:
    """Images that gained and lost most."""
    lists = []
    for title, rows in zip(
        ('Gained most', 'Lost most'), changed_images(runs[0], runs[1]), strict=True
    ):
        items = ''.join(
            f'<li><span>{escape(str(name))}</span><span><span class="pale">{number(a, 1)} {ARROW} '
            f'{number(b, 1)}</span> &emsp; <b>{signed(b - a, 1)}</b></span></li>'
            for name, a, b in rows
        )
        if items:
            lists.append(f'<div><h3>{title}</h3><ol class="plain">{items}</ol></div>')
    body = f'<div class="charts">{"".join(lists)}</div>' if lists else ''
    return section('images', 'Images', 'mIoU of single images, first run and second.', body)


def settings(runs: Sequence[dict], names: Sequence[str]) -> str:
    """What was measured; equal values once."""
    first, second = (facts(run) for run in runs)
    rows = []
    for key, value in first.items():
        a, b = ('' if v in (None, '') else str(v) for v in (value, second[key]))
        if a or b:
            rows.append([escape(key), escape(a), escape(b) if a != b else 'the same'])
    lead = 'What was measured, and with what.'
    return section('settings', 'Settings', lead, table(['', *map(escape, names)], rows, 'wrap'))
