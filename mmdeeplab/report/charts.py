"""Draw charts as SVG for a page; their colours come from its style sheet."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from mmdeeplab.report.html import escape, number

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 40


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers between low and high."""
    if not high > low:
        return [low]
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= min((1, 2, 5, 10), key=lambda factor: abs((high - low) / (step * factor) - count))
    start = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(start, math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten between low and high; over less than three decades also 2 and 5 times them."""
    steps = (1, 2, 5) if high < 1000 * low else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [s * 10.0**p for p in powers for s in steps if low <= s * 10.0**p <= high]


def short(value: float) -> str:
    """The text of a tick."""
    if value and not 1e-2 <= abs(value) < 1e5:
        digits, _, power = f'{value:e}'.partition('e')
        return f'{float(digits):g}e{int(power)}'
    return f'{value:g}'


class Frame:
    """The axes and grid of a chart, and the scales from data to positions in it.

    Args:
        xs: Horizontal range of the data, (low, high).
        ys: Vertical range of the data.
        labels: Names of the two axes.
        log_x: Whether the horizontal axis is logarithmic.
    """

    def __init__(
        self,
        xs: tuple[float, float],
        ys: tuple[float, float],
        labels: tuple[str, str],
        log_x: bool = False,
    ) -> None:
        self.log_x = log_x
        self.xs = (math.log10(xs[0]), math.log10(xs[1])) if log_x else xs
        self.ys = ys
        self.labels = labels

    def x(self, value: float) -> float:
        low, high = self.xs
        value = math.log10(value) if self.log_x else value
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / ((high - low) or 1)

    def y(self, value: float) -> float:
        low, high = self.ys
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / ((high - low) or 1)

    def draw(self, title: str, marks: str) -> Markup:
        """The whole chart, with ``marks`` over the grid."""
        elements = []
        for value in ticks(*self.ys):
            y = self.y(value)
            elements.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            text = f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
            elements.append(text)
        low, high = self.xs
        across = decades(10**low, 10**high) if self.log_x else ticks(low, high)
        for value in across:
            place = f'x="{self.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}"'
            elements.append(f'<text {place} text-anchor="middle">{short(value)}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        elements.append(
            f'<text x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">'
            f'{escape(self.labels[0])}</text>'
        )
        label = f'{title}: {self.labels[1]} over {self.labels[0]}'
        return svg(WIDTH, HEIGHT, label, ''.join(elements) + marks)


def svg(width: float, height: float, label: str, inside: str) -> Markup:
    """An SVG element with its description; text in ``inside`` must be escaped already."""
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'role="img" aria-label="{escape(label)}">{inside}</svg>'
    )


def extent(values: Sequence[float], pad: float = 0.06) -> tuple[float, float]:
    """The range of values, with a margin of ``pad`` times its length."""
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1) * pad
    return low - margin, high + margin


def curves(
    title: str,
    series: Mapping[str, Points],
    labels: tuple[str, str],
    rule: float | None = None,
    dots: bool = True,
) -> Markup:
    """A chart with curves in different colours; ``rule`` is the height of a dashed line."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    low, high = extent(ys if rule is None else [*ys, rule])
    frame = Frame((min(xs), max(xs)), (max(low, 0) if min(ys) >= 0 else low, high), labels)
    marks = ''
    if rule is not None:
        marks += f'<path class="rule" d="M{LEFT} {frame.y(rule):.1f}H{WIDTH - RIGHT}"/>'
    for class_prefix, (name, points) in zip(('', 'b '), series.items(), strict=False):
        path = 'L'.join(f'{frame.x(x):.1f} {frame.y(y):.1f}' for x, y in points)
        marks += f'<path class="{class_prefix}line" d="M{path}"/>'
        for x, y in points if dots else ():
            marks += dot(frame, x, y, f'{name}: {short(x)}, {number(y)}', class_prefix)
    return frame.draw(title, marks)


def dot(frame: Frame, x: float, y: float, words: str, class_prefix: str = '') -> str:
    """A point, with its numbers as tooltip."""
    place = f'cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}"'
    return (
        f'<circle class="{class_prefix}dot" {place} r="4"><title>{escape(words)}</title></circle>'
    )


def scatter(
    title: str, points: Mapping[str, tuple[float, float]], labels: tuple[str, str], named: int = 24
) -> Markup:
    """A chart of named points over a logarithmic axis; the ``named`` lowest show their names."""
    xs, ys = zip(*points.values(), strict=True)
    frame = Frame((min(xs) / 1.5, max(xs) * 1.5), extent(ys), labels, log_x=True)
    places = {name: (frame.x(x), frame.y(y)) for name, (x, y) in points.items()}
    boxes = [(x - 5, y - 5, x + 5, y + 5) for x, y in places.values()]
    marks = ''.join(
        dot(frame, x, y, f'{name}: {short(x)} %, {number(y)}') for name, (x, y) in points.items()
    )
    for name in sorted(points, key=lambda name: points[name][1])[:named]:
        x, y = places[name]
        width = 6 * len(name)
        for left, low in ((x + 7, y + 4), (x - 7 - width, y + 4), (x - width / 2, y - 8)):
            box = (left, low - 9, left + width, low + 1)
            inside = box[0] > LEFT and box[2] < WIDTH and box[1] > 0
            if inside and not any(overlap(box, other) for other in boxes):
                boxes.append(box)
                marks += f'<text x="{left:.1f}" y="{low:.1f}">{escape(name)}</text>'
                break
    return frame.draw(title, marks)


def overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two boxes (left, top, right, bottom) overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def heat_map(rows: Sequence[Sequence[float]], names: Sequence[str]) -> Markup:
    """A confusion matrix in percent as a heat map: rows are the truth, columns the prediction.

    The strength of the colour is the square root of the share. With few classes, cells from 0.1 %
    on are drawn, and those from 1 % on show their number; with many classes, cells from 0.5 % on
    are drawn.
    """
    count = len(names)
    cell = 27 if count <= 30 else 17 if count <= 60 else 11
    font = min(11, cell - 1)
    margin = 12 + 0.6 * font * max(map(len, names))
    size = margin + count * cell
    elements = [
        f'<rect class="frame" x="{margin:g}" y="{margin:g}" width="{count * cell}" '
        f'height="{count * cell}"/>'
    ]
    style = f'style="font-size:{font}px"'
    for i, name in enumerate(names):
        centre = margin + (i + 0.5) * cell
        text = escape(name)
        elements.append(
            f'<text {style} x="{margin - 6:g}" y="{centre + font * 0.35:g}" text-anchor="end">'
            f'{text}</text><text {style} transform="translate({centre + font * 0.35:g} '
            f'{margin - 6:g}) rotate(-90)">{text}</text>'
        )
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if value >= (0.1 if cell > 20 else 0.5):
                elements.append(_cell(margin, cell, r, c, value, names))
    label = 'confusion matrix: share of each class (rows) that is predicted as each class (columns)'
    return svg(size + 1, size + 1, label, ''.join(elements))


def _cell(margin: float, cell: int, r: int, c: int, value: float, names: Sequence[str]) -> str:
    x, y = margin + c * cell, margin + r * cell
    strength = math.sqrt(value / 100)
    words = escape(f'{names[r]} as {names[c]}: {value:.1f} %')
    drawn = (
        f'<rect class="cell" x="{x + 0.5:g}" y="{y + 0.5:g}" width="{cell - 1}" '
        f'height="{cell - 1}" fill-opacity="{strength:.2f}"><title>{words}</title></rect>'
    )
    if value >= 1 and cell > 20:
        css_class = 'on' if strength > 0.7 else 'in'
        place = f'x="{x + cell / 2:g}" y="{y + cell / 2 + 3.5:g}"'
        drawn += f'<text class="{css_class}" style="font-size:10px" {place} text-anchor="middle" '
        drawn += f'pointer-events="none">{value:.0f}</text>'
    return drawn
