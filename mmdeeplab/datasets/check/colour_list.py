"""Files that name the colours of classes, as the usual tools write them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from mmdeeplab.datasets.check.colours import Colour
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import read_text
from mmdeeplab.label_counts import IGNORE_INDEX

_GAP = r'[\s,;:=]+'
_NUMBERS = r'(?P<r>\d+)[\s,;]+(?P<g>\d+)[\s,;]+(?P<b>\d+)'
_HEX = r'#(?P<r>[0-9a-f]{2})(?P<g>[0-9a-f]{2})(?P<b>[0-9a-f]{2})'
_FORMS = tuple(
    (re.compile(form, re.IGNORECASE), base)
    for numbers, base in ((_NUMBERS, 10), (_HEX, 16))
    for form in (
        rf'{numbers}(?:{_GAP}(?P<name>.*))?',  # R G B NAME
        rf'(?P<name>.*?){_GAP}{numbers}\s*(?::[^:]*)*',  # NAME R G B, and what CVAT adds
    )
)
# An id before the colour, or alpha behind it: the colour could begin at either of two numbers.
_FOUR_NUMBERS = re.compile(
    r'\d+(?:[\s,;]+\d+){3}(?:[\s,;].*)?|.*[,;\t]\s*\d+(?:\s*[,;\t]\s*\d+){3}[\s,;]*'
)
# Names may end in a number ("lane 2"), but not all lines in one of a colour whose blue is 255.
_OPAQUE = re.compile(r'.*[^\d\s].*\s(\d+\s+\d+\s+\d+\s+255|0\s+0\s+0\s+0)')
_HEADER = re.compile(
    r'[\s,;:]*((name|label|class|title|id|r|g|b|a|alpha|red|green|blue|rgb|hex|colou?r)(_?\w+)?[\s,;:]*)+'
)
_KEYS = (('name', 'title', 'label', 'class'), ('color', 'colour', 'rgb', 'hex'))
EXAMPLE = 'R G B NAME, e.g. 128 0 0 car (NAME R G B, NAME:R,G,B::, or #800000 in place of R G B)'


def read_colours(path: Path) -> dict[Colour, int]:
    """Read the colours of classes, in id order; the colour named ``void`` is id 255.

    The file has one colour per line, as ``R G B NAME``, ``NAME R G B``, a CSV of these, or CVAT's
    ``labelmap.txt`` (``NAME:R,G,B:PARTS:ACTIONS``). Or it is JSON, ``{NAME: [R, G, B]}`` or a list
    of objects with a name and a colour. ``#rrggbb`` may stand for the three numbers; lines that
    begin with ``# `` are comments.

    Raises:
        UserError: The file is missing, has a line of another form (an id or alpha beside the three
            numbers), or a colour occurs twice.
    """
    text = read_text(path, 'list of colours')
    entries = _of_json(text, path) if text.lstrip()[:1] in ('{', '[') else _of_lines(text, path)
    colours: dict[Colour, int] = {}
    label = 0
    for where, colour, name in entries:
        if colour in colours:
            raise UserError(f'{path}, {where}: the colour {colour} occurs twice')
        void = re.split(r'[,;\t]', name)[-1].strip().lower() == 'void'  # behind an id
        colours[colour] = IGNORE_INDEX if void else label
        label += not void
    if not colours:
        raise UserError(f'{path} names no colour; a line is {EXAMPLE}')
    return colours


def _of_lines(text: str, path: Path) -> Iterator[tuple[str, Colour, str]]:
    header = True
    lines = [line.replace('"', '').strip() for line in text.splitlines()]
    with_numbers = [line for line in lines if re.match(r'[^#].*\d', line)]
    opaque = with_numbers if all(map(_OPAQUE.fullmatch, with_numbers)) else []
    for number, (line, words) in enumerate(zip(text.splitlines(), lines, strict=True), 1):
        if _FOUR_NUMBERS.fullmatch(words) or words in opaque:
            raise UserError(
                f'{path}, line {number}: {line!r} has four numbers, a colour three: leave the '
                'id or alpha out (ids are counted from the first line on), or write #rrggbb'
            )
        entry = _colour_and_name(words)
        if entry:
            header = False
            yield f'line {number}', *entry
        elif (
            words
            and not words.startswith('#')
            and not (header and _HEADER.fullmatch(words.lower()))
        ):
            raise UserError(f'{path}, line {number}: {line!r} is not {EXAMPLE}')


def _colour_and_name(words: str) -> tuple[Colour, str] | None:
    for form, base in _FORMS:
        if match := form.fullmatch(words):
            red, green, blue = (int(match[part], base) for part in 'rgb')
            if max(red, green, blue) < 256:
                return (red, green, blue), match['name'] or ''
    return None


def _of_json(text: str, path: Path) -> Iterator[tuple[str, Colour, str]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f'{path} is no JSON: {error}') from error
    if isinstance(content, dict):
        content = next(
            (
                value
                for key, value in content.items()
                if key in ('labels', 'classes', 'items') and isinstance(value, (dict, list))
            ),
            content,
        )
    pairs = content.items() if isinstance(content, dict) else map(_pair, content)
    for number, (name, value) in enumerate(pairs, 1):
        value = _pair(value)[1] if isinstance(value, dict) else value
        words = ' '.join(map(str, value)) if isinstance(value, list) else str(value)
        entry = _colour_and_name(words)
        if entry is None:
            raise UserError(
                f'{path}, entry {number}: {value!r} is no colour, e.g. [128, 0, 0] or "#800000"'
            )
        yield f'entry {number}', entry[0], str(name)


def _pair(entry: object) -> tuple[object, object]:
    """Name and colour of an object; a bare colour has no name."""
    if not isinstance(entry, dict):
        return '', entry
    name, colour = (next((entry[k] for k in keys if k in entry), '') for keys in _KEYS)
    return name, colour
