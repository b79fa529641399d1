"""Pages from the templates beside this file: every value is escaped, and shown on one line."""

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
    """The text for a page: no marks of HTML, no control or bidirectional characters."""
    return html.escape(one_line(text))


def number(value: float | None, digits: int = 2) -> str:
    """A number for reading; a dash where there is none."""
    return MISSING if value is None else f'{value:.{digits}f}'


def interval(pair: Sequence[float] | None, digits: int = 2) -> str:
    """``low`` to ``high``; empty where there is none."""
    return '' if not pair else f'{pair[0]:.{digits}f} to {pair[1]:.{digits}f}'


def signed(value: float | None, digits: int = 2) -> str:
    """A difference with its sign, a real minus; a dash where there is none."""
    if value is None:
        return number(None)
    return f'{value:+.{digits}f}'.replace('-', '\N{MINUS SIGN}')


def between(pair: Sequence[float] | None, digits: int = 2) -> str:
    """The interval of a difference, ``low`` to ``high`` with their signs; empty without one."""
    return f'{signed(pair[0], digits)} to {signed(pair[1], digits)}' if pair else ''


def style_sheet() -> str:
    """The style sheet of every page."""
    return (TEMPLATES / 'report.css').read_text(encoding='utf-8')


def render(template: str, **values: object) -> str:
    """A whole document that needs no other file.

    Args:
        template: A file of ``templates/``.
        values: What it shows; text is escaped, but for :class:`markupsafe.Markup`.
    """
    return environment().get_template(template).render(values, style=Markup(style_sheet()))


@cache
def environment() -> Environment:
    """The templates' own: a name that is not given is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(number=number, interval=interval, signed=signed, between=between)
    return made


def shown(value: object) -> object:
    """Text without control or bidirectional characters; anything else as it is."""
    return one_line(value) if isinstance(value, str) and not hasattr(value, '__html__') else value
