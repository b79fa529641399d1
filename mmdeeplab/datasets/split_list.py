"""Read and check the list of a split, a text file with one id per line."""

import os
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mmdeeplab.console import progress
from mmdeeplab.datasets.files_by_id import FilesById
from mmdeeplab.datasets.prepare.recognise import advice
from mmdeeplab.errors import UserError, bad_data
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.input_files import MAX_TEXT_BYTES, PICTURE_SUFFIXES, read_bytes

EXAMPLE = '2007_000032'
LINE_END = re.compile(r'\r\n|\n|\r')  # names may hold the other characters that end lines
TOLERATED = ('bom', 'crlf', 'blank-line')  # read as they are meant


@dataclass
class SplitList:
    """The ids of a list in its order, repeated ones included, and its faults as (fault, words)."""

    ids: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)


def read_split(path: Path, images: Container[str] = ()) -> list[str]:
    """Read the ids of a split from a file with one id per line; blank lines are skipped.

    Args:
        path: The list.
        images: Ids that have an image, see :func:`parse_split`.

    Raises:
        UserError: The list is missing or empty, or a line cannot be the id of a file in its folder.
    """
    listed = parse_split(path, images)
    for fault, words in listed.faults:
        if fault not in TOLERATED:
            raise bad_data(fault, words)
    return listed.ids


def write_split(path: Path, ids: set[str], source: str) -> None:
    """Write a list of sorted ids; an existing list with the same ids in any order is kept.

    Args:
        path: The list.
        ids: The ids of the split.
        source: Where the ids come from, for the message.

    Raises:
        UserError: There is a list with other ids already.
    """
    if not path.exists():
        with placing(path) as partial:
            partial.write_text(''.join(f'{i}\n' for i in sorted(ids)), 'utf-8')
    elif differing := ids ^ set(read_split(path)):
        raise UserError(
            f'{path} differs from {source} in {len(differing):,} images; move it away, it is not '
            'overwritten'
        )


def parse_split(path: Path, images: Container[str] = ()) -> SplitList:
    """Read the list of a split with all its faults.

    If an image is called exactly like a line, with all blanks and signs in it, the line is an id.
    Otherwise blanks at its ends are ignored, and several words are taken as several columns if the
    first one is an id or if a word looks like a path.

    Args:
        path: The list.
        images: Ids that have an image.
    """
    if not os.path.lexists(path):
        names = sorted(p.stem for p in path.parent.glob('*.txt'))
        lists = f'; there are: {", ".join(names)}' if names else ''
        root = path.parent.parent.parent  # of ROOT/ImageSets/Segmentation/SPLIT.txt
        if hint := advice(root):
            lists += f'; {hint}'
        return SplitList(faults=[('missing-list', f'no list of images at {path}{lists}')])
    try:
        data = read_bytes(path, 'list', MAX_TEXT_BYTES)
    except UserError as error:
        return SplitList(faults=[(error.fault, str(error))])
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        return SplitList(faults=[('list-encoding', f'{path} is not UTF-8 text: {error.reason}')])
    listed = SplitList(faults=list(_faults_of_the_text(path, data)))
    blank = []
    lines = LINE_END.split(text)
    lines = lines[: -1 if not lines[-1] else None]  # without the empty text at the end
    for number, line in enumerate(progress(lines, f'reading {path}', len(lines), 'lines'), 1):
        name = line if line and line in images else line.strip()
        if not name:
            blank.append(number)
        elif fault := _fault_of(name, images):
            words = f'{path}, line {number}: {name!r} is not an id such as {EXAMPLE}'
            listed.faults.append((fault, words))
        else:
            listed.ids.append(name)
    if blank and len(blank) < len(lines):
        listed.faults.append(('blank-line', f'{path}: nothing on line {_some(blank)}'))
    if len(blank) == len(lines):
        listed.faults.append(('empty-list', f'{path} names no image'))
    return listed


def why_missing(files: FilesById, name: str, file_role: str) -> tuple[str, str]:
    """The fault and the words about an id without file; ``file_role`` is 'image' or 'mask'."""
    stem, dot, ending = name.rpartition('.')
    if f'{dot}{ending}'.lower() in PICTURE_SUFFIXES and stem in files:
        return 'id-with-extension', f'the list says {name!r} where the id {stem!r} is meant'
    words = f'the {file_role} {files.path(name)} is missing'
    other_files = FilesById(files.folder, [*PICTURE_SUFFIXES, *map(str.upper, PICTURE_SUFFIXES)])
    if existing := other_files.names(name):
        key = dict(image='img_suffix', mask='seg_map_suffix')[file_role]
        suffixes = (*files.suffixes, existing[0].removeprefix(name))
        words += f', there is {existing[0]} instead: {key}={suffixes} takes both'
    return f'missing-{file_role}', words


def several_files(name: str, file_names: Sequence[str], file_role: str) -> str:
    """The words about an id with more than one file."""
    return f'the id {name!r} has several {file_role}s: {", ".join(file_names)}; keep or rename one'


def _faults_of_the_text(path: Path, data: bytes) -> Iterator[tuple[str, str]]:
    if data.startswith(b'\xef\xbb\xbf'):
        yield 'bom', f'{path} begins with a byte order mark'
    if b'\r' in data:
        yield 'crlf', f"{path} has Windows' ends of lines"


def _fault_of(name: str, images: Container[str]) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or '..' in path.parts or '\0' in name:
        return 'two-columns' if _columns(name, images) else 'outside'
    if name in images:
        return ''
    if _columns(name, images):
        return 'two-columns'
    return 'outside' if '\\' in name else ''


def _columns(name: str, images: Container[str]) -> bool:
    words = name.split()
    return len(words) > 1 and (
        words[0] in images or all(Path(word).suffix or '/' in word for word in words[:2])
    )


def _some(numbers: list[int], shown: int = 5) -> str:
    return ', '.join(map(str, numbers[:shown])) + (', ...' if len(numbers) > shown else '')
