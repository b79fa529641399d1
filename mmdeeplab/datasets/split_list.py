"""The list of a split: one id a line, and every way in which such a list goes wrong."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mmdeeplab.errors import UserError, fault
from mmdeeplab.input_files import MAX_TEXT_BYTES, PICTURE_SUFFIXES, read_bytes

EXAMPLE = '2007_000032'
TOLERATED = ('bom', 'crlf', 'blank-line')  # read as they are meant


@dataclass
class SplitList:
    """Ids in the order of the list, repeated ones too, and its faults as (kind, words)."""

    ids: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)


def read_split(path: Path) -> list[str]:
    """Ids of a split, one a line; blank lines are skipped.

    Raises:
        UserError: No such list, an empty one, or a line that is not the id of a file in its folder.
    """
    found = parse_split(path)
    for kind, words in found.faults:
        if kind not in TOLERATED:
            raise fault(kind, words)
    return found.ids


def parse_split(path: Path) -> SplitList:
    """Everything that the list at ``path`` says, right and wrong."""
    if not os.path.lexists(path):
        here = sorted(p.stem for p in path.parent.glob('*.txt'))
        lists = f'; there are: {", ".join(here)}' if here else ''
        return SplitList(faults=[('missing-list', f'no list of images at {path}{lists}')])
    try:
        data = read_bytes(path, 'list', MAX_TEXT_BYTES)
    except UserError as error:
        return SplitList(faults=[(error.kind, str(error))])
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        return SplitList(faults=[('list-encoding', f'{path} is not UTF-8 text: {error.reason}')])
    found = SplitList(faults=list(_faults_of_the_text(path, data)))
    blank = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if not name:
            blank.append(number)
        elif kind := _fault_of(name):
            words = f'{path}, line {number}: {name!r} is not an id such as {EXAMPLE}'
            found.faults.append((kind, words))
        else:
            found.ids.append(name)
    if blank and len(blank) < len(lines):
        found.faults.append(('blank-line', f'{path}: nothing on line {_some(blank)}'))
    if len(blank) == len(lines):
        found.faults.append(('empty-list', f'{path} names no image'))
    return found


def why_missing(folder: Path, name: str, suffix: str, what: str) -> tuple[str, str]:
    """Kind and words for an id without its file; ``what`` is 'image' or 'mask'."""
    stem, dot, ending = name.rpartition('.')
    if f'{dot}{ending}'.lower() in PICTURE_SUFFIXES and (folder / f'{stem}{suffix}').is_file():
        return 'id-with-extension', f'the list says {name!r} where the id {stem!r} is meant'
    words = f'the {what} {folder / (name + suffix)} is missing'
    others = [other for other in PICTURE_SUFFIXES if (folder / (name + other)).is_file()]
    return f'missing-{what}', words + (f', there is {name}{others[0]} instead' if others else '')


def _faults_of_the_text(path: Path, data: bytes) -> Iterator[tuple[str, str]]:
    if data.startswith(b'\xef\xbb\xbf'):
        yield 'bom', f'{path} begins with a byte order mark'
    if b'\r' in data:
        yield 'crlf', f"{path} has Windows' ends of lines"


def _fault_of(name: str) -> str:
    path = PurePosixPath(name)
    if len(name.split()) > 1:
        return 'two-columns'
    if path.is_absolute() or '..' in path.parts or '\\' in name or '\0' in name:
        return 'outside'
    return ''


def _some(numbers: list[int], shown: int = 5) -> str:
    return ', '.join(map(str, numbers[:shown])) + (', ...' if len(numbers) > shown else '')
