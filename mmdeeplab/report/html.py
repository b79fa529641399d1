"""Make pages from templates; every value is escaped and on one line."""

import html
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mmdeeplab.console import one_line

MISSING = '\N{EN DASH}'
TEMPLATES = Path(__file__).parent / 'templates'


def escape(text: str) -> str:
    """A text for a page: HTML is escaped, control and bidirectional characters are replaced."""
    return html.escape(one_line(text))


def number(value: float | None, digits: int = 2) -> str:
    """A number as text; a dash if there is none."""
    return MISSING if value is None else f'{value:.{digits}f}'


def interval(pair: Sequence[float] | None, digits: int = 2) -> str:
    """An interval as text, ``low`` to ``high``; empty if there is none."""
    return '' if not pair else f'{pair[0]:.{digits}f} to {pair[1]:.{digits}f}'


def signed(value: float | None, digits: int = 2) -> str:
    """A difference as text with its sign (a typographic minus); a dash if there is none."""
    if value is None:
        return number(None)
    return f'{value:+.{digits}f}'.replace('-', '\N{MINUS SIGN}')


def between(pair: Sequence[float] | None, digits: int = 2) -> str:
    """The interval of a difference as text, both ends with signs; empty if there is none."""
    return f'{signed(pair[0], digits)} to {signed(pair[1], digits)}' if pair else ''


def style_sheet() -> str:
    """The style sheet of every page."""
    return (TEMPLATES / 'report.css').read_text(encoding='utf-8')


def render(template: str, **values: object) -> str:
    """Render a page that needs no other file.

    Args:
        template: A file in ``templates/``.
        values: The values in the template; text is escaped, unless it is
            :class:`markupsafe.Markup`.
    """
    return environment().get_template(template).render(values, style=Markup(style_sheet()))


@cache
def environment() -> Environment:
    """The environment of the templates, in which a missing value is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.filters.update(number=number, interval=interval, signed=signed, between=between)
    return env


def shown(value: object) -> object:
    """A value for a page: text without control and bidirectional characters, others as they are."""
    return one_line(value) if isinstance(value, str) and not hasattr(value, '__html__') else value
