"""The few pieces of HTML that every page is made of."""

import html
from collections.abc import Iterable, Mapping, Sequence

from mmdeeplab.console import one_line
from mmdeeplab.report.style import CSS

MISSING = '\N{EN DASH}'


def escape(text: str) -> str:
    """The text for a page: no marks of HTML, no control or bidirectional characters."""
    return html.escape(one_line(text))


def number(value: float | None, digits: int = 2) -> str:
    """A number for reading; a dash where there is none."""
    return MISSING if value is None else f'{value:.{digits}f}'


def interval(pair: Sequence[float] | None, digits: int = 2) -> str:
    """``low`` to ``high``; empty where there is none."""
    return '' if not pair else f'{pair[0]:.{digits}f} to {pair[1]:.{digits}f}'


def section(name: str, title: str, lead: str, *parts: str) -> str:
    """A part of the page under its heading; nothing where all ``parts`` are empty."""
    body = '\n'.join(part for part in parts if part)
    if not body:
        return ''
    heading = f'<h2 id="{name}-title">{escape(title)}</h2>\n<p class="lead">{lead}</p>'
    return f'<section id="{name}" aria-labelledby="{name}-title">\n{heading}\n{body}\n</section>'


def figure(picture: str, caption: str) -> str:
    """A drawing over its caption (which is HTML)."""
    return f'<figure>\n{picture}\n<figcaption>{caption}</figcaption>\n</figure>'


def definitions(rows: Mapping[str, object]) -> str:
    """Names and values, one a line."""
    lines = (f'<div><dt>{escape(k)}</dt><dd>{escape(str(v))}</dd></div>' for k, v in rows.items())
    return f'<dl class="facts">{"".join(lines)}</dl>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = '') -> str:
    """A table whose first column names the row; cells are HTML."""
    top = ''.join(f'<th scope="col">{cell}</th>' for cell in head)
    body = ''.join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>\n'
        for row in rows
    )
    drawn = f'<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>'
    return scrolling(head[0], f'<table class="{kind}">\n{drawn}</table>')


def wide(text: str) -> str:
    """A cell (text, not HTML) whose column is left out on a narrow screen."""
    return f'<span class="wide">{escape(text)}</span>'


def scrolling(name: str, inside: str) -> str:
    """What may be wider than a small screen, so that the page itself is not."""
    start = f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
    return f'{start}{inside}</div>'


def bar(value: float | None, around: Sequence[float] | None = None, kind: str = '') -> str:
    """A bar of ``value`` percent with its interval; the number itself stands beside it."""
    inside = ''
    if value is not None:
        inside = f'<i class="fill" style="width:{value:.2f}%"></i>'
        if around:
            low, high = around
            place = f'left:{low:.2f}%;width:{high - low:.2f}%'
            inside += f'<i class="whisker" style="{place}"></i>'
        inside += f'<i class="point" style="left:{value:.2f}%"></i>'
    return f'<span class="bar {kind}" aria-hidden="true">{inside}</span>'


def page(title: str, eyebrow: str, subtitle: str, body: Iterable[str], footer: str) -> str:
    """A whole document that needs no other file; ``body`` and ``footer`` are HTML."""
    parts = '\n'.join(part for part in body if part)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{CSS}</style>
</head>
<body>
<header>
<p class="eyebrow">{escape(eyebrow)}</p>
<h1>{escape(title)}</h1>
<p class="subtitle">{escape(subtitle)}</p>
</header>
<main>
{parts}
</main>
<footer>{footer}</footer>
</body>
</html>
"""
