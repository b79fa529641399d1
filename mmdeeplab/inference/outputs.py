"""Write predictions as complete files, and know which input and which model each is of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.console import progress
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing, writing
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.fileio.file_stamp import stamp
from mmdeeplab.fileio.input_files import is_regular, is_system_file, read_text
from mmdeeplab.inference.annotations.files import JOINED
from mmdeeplab.inference.geotiff.grid import Grid
from mmdeeplab.inference.inputs import Input
from mmdeeplab.inference.save_formats import (
    CALIBRATION,
    FILMED,
    GEODATA,
    OVERLAY_FORMATS,
    RECORD,
    SAVED,
    suffix,
)
from mmdeeplab.inference.segmentation import Segmentation

MADE_FROM = 'predict.jsonl'
"""File in a folder of predictions with a line for every result that says what it was made from."""
OWN = 'outputs'
"""Key in :data:`RECORD` of the outputs whose folders hold predictions and nothing else."""
_KEYS = ('file', 'bytes', 'settings', 'source', 'stamp', 'sha256')


class Source(NamedTuple):
    """Identifies the content of an input file: path, stamp, SHA-256.

    The stamp is that of :mod:`mmdeeplab.fileio.file_stamp`.
    """

    path: str
    stamp: list[int]
    sha256: str


def source_of(path: Path) -> Source:
    """The :class:`Source` of a file; take it before reading, so that later changes are noticed."""
    file_stamp, checksum = stamp(path), ''
    with suppress(OSError):  # reading it reports the error
        checksum = digest(path) if path.is_file() else ''
    return Source(str(path.absolute()), file_stamp, checksum)


class Outputs:
    """A folder of predictions: ``FOLDER/OUTPUT/NAME.png`` for every image.

    ``predict.json`` says which model they are of, ``predict.jsonl`` from which input each file was
    made. A file appears complete or not at all. It is not made again as long as it has the same
    length, the settings are the same, and its input is: by path, size, times and inode, or else by
    its content.

    Args:
        folder: The folder, made if it is missing.
        wanted: What to write, some of :data:`mmdeeplab.inference.save_formats.SAVED`.
        settings: What the predictions depend on: model, weights, options.
        overwrite: Whether to make existing files again.
        overlay_format: One of :data:`mmdeeplab.inference.save_formats.OVERLAY_FORMATS`.

    Raises:
        UserError: The folder has predictions with other settings, or a wanted output's files that
            are not predictions: such as masks drawn by hand.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Sequence[str],
        settings: dict,
        overwrite: bool = False,
        *,
        overlay_format: str = 'png',
    ) -> None:
        self.folder, self.wanted, self.overwrite = folder, tuple(wanted), overwrite
        self.overlay_format = overlay_format
        record = folder / RECORD
        old_settings = _read(record, broken_is_empty=overwrite)
        own = set(old_settings.pop(OWN, SAVED if old_settings else ()))
        if not overwrite:
            _refuse_foreign(folder, [output for output in self.wanted if output not in own])
        changed = [key for key, value in old_settings.items() if settings.get(key) != value]
        if changed and changed != [CALIBRATION] and not overwrite:
            raise UserError(
                f'{folder} holds predictions with another {", ".join(changed)} (see {record}); '
                'give another --out, or --overwrite'
            )
        content = json.dumps(settings, indent=2)
        with placing(record) as partial:
            own_too = settings | {OWN: sorted(own.union(self.wanted))}
            partial.write_text(json.dumps(own_too, indent=2) + '\n')
        self.settings = hashlib.sha256(content.encode()).hexdigest()[:16]
        self.made_from = folder / MADE_FROM
        self._lines = _read_lines(self.made_from)

    def path(self, output: str, name: str, on_grid: bool = False) -> Path:
        """The file of one output (``masks``, ...) of an image.

        ``on_grid`` says that the image has coordinates.
        """
        return self.folder / output / f'{name}{suffix(output, self.overlay_format, on_grid)}'

    def files(self, input_file: Input) -> dict[str, Path]:
        """For each wanted output of an input the file that is written last."""
        if input_file.is_video:
            return {output: self._of_film(output, input_file.name) for output in self.wanted}
        on_grid = input_file.has_coordinates
        return {output: self.path(output, input_file.name, on_grid) for output in self.wanted}

    def _of_film(self, output: str, name: str) -> Path:
        return self.folder / output / (f'{name}.mp4' if output in FILMED else f'{name}/video.json')

    def done(self, input_file: Input) -> bool:
        """Whether all results of an input are there, complete, and made from its content now."""
        entries: list[dict] = []
        files = list(self.files(input_file).values())
        for file in files:
            entry = None if self.overwrite else self._entry(file)
            if entry is None or (entry['settings'], entry['bytes']) != (self.settings, _size(file)):
                return False
            entries.append(entry)
        path = input_file.path
        expected = [str(path.absolute()), stamp(path)]
        if all([entry['source'], entry['stamp']] == expected for entry in entries):
            return True
        current = source_of(path)
        if not current.sha256 or any(entry['sha256'] != current.sha256 for entry in entries):
            return False
        self.keep(files, current)  # moved, copied or touched: the same picture
        return True

    def finish(self, input_file: Input, source: Source) -> None:
        """Record the results of an input, which have been written, and remove older ones."""
        self.keep(list(self.files(input_file).values()), source)
        self.remove_stale(input_file, source)

    def remove_stale(self, input_file: Input, source: Source) -> bool:
        """Remove results, wanted or not, of another content of an input or of other settings.

        Args:
            input_file: The input.
            source: Its content; if that could not be read, its results are kept.

        Returns:
            Whether there were any.
        """
        name = input_file.name
        files = {
            self.folder / output / f'{name}{suffix(output, form, on_grid)}'
            for output in SAVED
            for form in OVERLAY_FORMATS
            for on_grid in (False, True)
        }
        if input_file.is_video:
            files = {self._of_film(output, name) for output in SAVED}
        existing = [file for file in files if source.sha256 and file.exists()]
        entries = {file: self._entry(file) for file in existing}
        expected = [source.sha256, self.settings]
        stale = [
            file
            for file, entry in entries.items()
            if entry and [entry['sha256'], entry['settings']] != expected
        ]
        for file in stale:
            with writing(file):
                file.unlink(missing_ok=True)
            del self._lines[hash(self._key(file))]
            if input_file.is_video and file.suffix == '.json':  # beside its frames
                remove_frames_after(0, file.parent)
        return bool(stale)

    def keep(self, files: Sequence[Path], source: Source) -> None:
        """Record that the complete ``files`` were made from ``source``."""
        with writing(self.made_from), self.made_from.open('ab') as record:
            for file in files:
                entry = dict(file=self._key(file), bytes=_size(file), settings=self.settings)
                entry |= dict(source=source.path, stamp=source.stamp, sha256=source.sha256)
                record.write(b'\n')  # ends a line that a killed process has left incomplete
                self._lines[hash(self._key(file))] = record.tell()
                record.write(json.dumps(entry).encode())

    def encode(
        self, name: str, result: Segmentation, source: Source, grid: Grid | None = None
    ) -> list[bytes]:
        """The contents of the files of every wanted output of one image, on its ``grid`` if any."""
        jpeg = self.overlay_format == 'jpeg'
        contents = []
        for output in self.wanted:
            if grid is not None and output in GEODATA:
                from mmdeeplab.inference.geotiff.write import encode

                contents.append(encode(output, result, grid))
            else:
                picture = self._picture(output, name, source.path)
                contents.append(result.encode(output, jpeg, picture))
        return contents

    def write(self, image: Input, contents: Sequence[bytes], source: Source) -> None:
        """Write the contents from :meth:`encode` for one image."""
        for file, content in zip(self.files(image).values(), contents, strict=True):
            with placing(file) as partial:
                partial.write_bytes(content)
        self.finish(image, source)

    def _picture(self, output: str, name: str, source: str) -> str:
        """The picture's path for an annotation tool: labelme's is relative to its own file."""
        if output == 'labelme':
            folder = self.path(output, name).parent
            return Path(os.path.relpath(source, folder)).as_posix()
        return f'{name}{Path(source).suffix}'

    def _key(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()

    def _entry(self, file: Path) -> dict | None:
        """The record of what a file was made from; None if there is none."""
        start = self._lines.get(hash(self._key(file)))
        if start is None:
            return None
        with self.made_from.open('rb') as record:
            record.seek(start)
            entry = _line(record.readline())
        return entry if entry and entry['file'] == self._key(file) else None


def remove_frames_after(number: int, folder: Path) -> None:
    """Remove the frames after ``number``, which are of an earlier, longer film of this name."""
    for path in folder.glob('[0-9]*.*'):
        if path.stem.isdecimal() and len(path.stem) >= 6 and int(path.stem) > number:
            path.unlink()


def _size(file: Path) -> int:
    """Size of a file in bytes; -1 if it does not exist."""
    return (stamp(file) or [-1])[0]


def _read(record: Path, broken_is_empty: bool) -> dict:
    try:
        return dict(json.loads(read_text(record))) if is_regular(record) else {}
    except (UserError, ValueError, TypeError) as error:
        if broken_is_empty:
            return {}
        if isinstance(error, UserError):
            raise
        raise UserError(f'{record} cannot be read ({error}); use --overwrite') from error


def _refuse_foreign(folder: Path, outputs: Sequence[str]) -> None:
    """Refuse to write among files that are no predictions, as they might have the same names."""
    for output in outputs:
        joined = folder / f'{output}{suffix(output)}'
        files = (path for path in (folder / output).rglob('*') if not path.is_dir())
        files = (path for path in files if not is_system_file(path.name))
        found = joined if output in JOINED and joined.exists() else next(files, None)
        if found is not None:
            raise UserError(
                f'{found} is not of predict and might be replaced: give another --out, or '
                '--overwrite'
            )


def _read_lines(path: Path) -> dict[int, int]:
    """Position of the last complete line about each file, by the hash of its name.

    Only numbers are kept, as the lines of 100,000 files would fill the memory.
    """
    lines: dict[int, int] = {}
    if not is_regular(path):
        return lines
    start = 0
    with path.open('rb') as record:
        for text in progress(record, f'reading {path}', unit='lines'):
            if entry := _line(text):
                lines[hash(entry['file'])] = start
            start += len(text)
    return lines


def _line(text: bytes) -> dict | None:
    """Parse a line of the record; None if it is incomplete or damaged."""
    try:
        entry = json.loads(text)
        return {key: entry[key] for key in _KEYS} if isinstance(entry['file'], str) else None
    except (ValueError, KeyError, TypeError):
        return None
