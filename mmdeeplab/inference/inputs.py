"""Find the pictures and films to segment: files, folders with all files below, and patterns."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import PICTURE_SUFFIXES, list_files
from mmdeeplab.inference.geotiff.coordinates import has_coordinates, installed
from mmdeeplab.inference.save_formats import RECORD, SAVED

VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')
KNOWN = (*PICTURE_SUFFIXES, '.gif', *VIDEOS)
ARRAYS = ('.npy',)
SYSTEM = "of the system's own"


class Input(NamedTuple):
    """A picture or film.

    Attributes:
        path: The file.
        name: Name of its results: a path without suffix, relative to the output folder.
    """

    path: Path
    name: str

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEOS

    @property
    def has_coordinates(self) -> bool:
        """Whether its results get coordinates: it is a GeoTIFF, and rasterio is installed."""
        return has_coordinates(self.path) and installed()


class Inputs(Protocol):
    """Inputs that can be counted and iterated over several times."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Input]: ...


class Folder:
    """The inputs below one folder; only their names are kept in memory, even of 100,000 files.

    Args:
        folder: The folder.
        names: Paths of the files, relative to the folder.
        prefix: Prefix of the names of their results.
    """

    def __init__(self, folder: Path, names: Sequence[str], prefix: str = '') -> None:
        self.folder, self.names, self.prefix = str(folder), names, prefix

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Input]:
        for name in self.names:
            yield Input(Path(self.folder, name), self.prefix + _stem(name))

    def clashes(self) -> bool:
        """Whether two inputs would have the same result file."""
        stems = set(map(_stem, self.names))
        if len(stems) < len(self.names):
            return True
        films = {_stem(name) for name in self.names if _suffix(name) in VIDEOS}
        return bool(films) and not films.isdisjoint(map(os.path.dirname, self.names))


def find_inputs(inputs: list[str]) -> tuple[Inputs, Counter[str]]:
    """Find all inputs: files, images and videos below folders, and what patterns match.

    The results of a file below a folder are named by its path in the folder. If two files would
    then have the same name, all are named by their paths in their common folder. Predictions (in
    ``masks`` and so on, beside a ``predict.json``) are skipped.

    Returns:
        The inputs, each file once, and numbers of skipped files by suffix.

    Raises:
        UserError: An input matches nothing, or two inputs would have the same result file.
    """
    skipped: Counter[str] = Counter()
    if len(inputs) == 1 and (folder := Path(inputs[0])).is_dir():
        below = _below(folder, '', skipped)
        if len(below) and not below.clashes():
            return below, skipped
        skipped.clear()
    by_path: dict[str, Input] = {}
    for argument in inputs:
        matches = list(_inputs_at(argument, skipped))
        if not matches:
            raise UserError(f'no image or video at {argument}{passed_over(skipped)}')
        for match in matches:
            by_path.setdefault(os.path.abspath(match.path), match)  # noqa: PTH100  (links stay)
    return _named_apart(by_path), skipped


def passed_over(skipped: Counter[str]) -> str:
    """Text about skipped files, such as ``; passed over: 3 .txt``; empty if there are none."""
    listed = ', '.join(f'{count} {suffix}' for suffix, count in skipped.most_common() if count)
    return f'; passed over: {listed}' if listed else ''


def _inputs_at(argument: str, skipped: Counter[str]) -> Iterator[Input]:
    path = Path(argument)
    if path.is_dir():
        yield from _below(path, '', skipped)
    elif os.path.lexists(path):
        yield Input(path, path.stem)
    else:
        for match in sorted(map(Path, glob.glob(argument, recursive=True))):  # noqa: PTH207
            if match.is_dir():
                yield from _below(match, f'{match.name}/', skipped)
            else:
                yield Input(match, match.stem)


def _below(folder: Path, prefix: str, skipped: Counter[str]) -> Folder:
    listing = list_files(folder, KNOWN, recurse=True)
    if not listing.names:  # beside pictures, arrays are something else
        listing = list_files(folder, ARRAYS, recurse=True)
    skipped[SYSTEM] += len(listing.system)
    skipped.update(_suffix(name) or 'without suffix' for name in listing.others)
    results = tuple(
        PurePath(name).with_name(output).as_posix() + '/'
        for name in listing.others
        if PurePath(name).name == RECORD
        for output in SAVED
    )
    names = listing.names
    if results:
        names = tuple(name for name in names if not name.startswith(results))
        skipped['predictions'] += len(listing.names) - len(names)
    return Folder(folder, names, prefix)


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122  (many times as fast as a path)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def _named_apart(by_path: dict[str, Input]) -> list[Input]:
    inputs = list(by_path.values())
    if not _clashes(inputs):
        return inputs
    shared = os.path.commonpath([os.path.dirname(path) for path in by_path])  # noqa: PTH120
    longer = [
        input_file._replace(name=Path(path).relative_to(shared).with_suffix('').as_posix())
        for path, input_file in by_path.items()
    ]
    if clashes := _clashes(longer):
        first, second = clashes[0]
        raise UserError(
            f'two inputs would be written to one file: {first.path} and {second.path}'
            + (f', and {len(clashes) - 1} more such pairs' if clashes[1:] else '')
            + '; rename one, or give them in two calls with two --out'
        )
    return longer


def _clashes(inputs: list[Input]) -> list[tuple[Input, Input]]:
    """Pairs of inputs with the same results, or whose results would lie in a film's folder."""
    by_name: dict[str, Input] = {}
    folders: dict[str, Input] = {}
    pairs = []
    for input_file in inputs:
        if input_file.name in by_name:
            pairs.append((by_name[input_file.name], input_file))
        by_name.setdefault(input_file.name, input_file)
        folders.setdefault(str(Path(input_file.name).parent), input_file)
    films = [
        input_file for input_file in inputs if input_file.is_video and input_file.name in folders
    ]
    return pairs + [(film, folders[film.name]) for film in films]
