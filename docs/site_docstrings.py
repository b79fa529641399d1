"""Docstrings for the site: their roles (``:func:`...```), ``::`` and tables become Markdown."""

import re
from typing import Any

import griffe

ROLE = re.compile(r':(?:class|func|meth|mod|attr|data):`~?([^`]+)`')
TABLE = re.compile(r'^=+(?: +=+)+$\n(.*?)^=+(?: +=+)+$\n?', re.S | re.M)


class Markdown(griffe.Extension):
    """Rewrite every docstring before it is parsed."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = ROLE.sub(r'`\1`', obj.docstring.value)
            text = TABLE.sub(table, text)
            obj.docstring.value = re.sub(r'^::$\n|(?<=:):$', '', text, flags=re.M)


def table(match: re.Match) -> str:
    """A simple table of reStructuredText, its first row as the head."""
    border = match[0].partition('\n')[0]
    spans = [m.span() for m in re.finditer('=+', border)]
    starts = [start for start, _ in spans]
    cuts = list(zip(starts, [*starts[1:], None], strict=True))
    rows = [[line[a:b].strip() for a, b in cuts] for line in match[1].splitlines()]
    rows.insert(1, ['---'] * len(cuts))
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows) + '\n'
