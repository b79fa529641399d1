"""Find the picture that an annotation file refers to."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath

from mmdeeplab.datasets.annotations.model import AnnotatedImage, split_of
from mmdeeplab.fileio.input_files import PICTURE_SUFFIXES

UPLOADED = re.compile(r'[0-9a-f]{8}-')
"""What Label Studio writes before the name of an uploaded file."""


class Pictures:
    """Finds pictures by the names that annotation files give them.

    Args:
        root: The data's folder.
        names: Paths, relative to ``root``, of all pictures below it.
    """

    def __init__(self, root: Path, names: tuple[str, ...]) -> None:
        self.root = root
        self.by_name: dict[str, list[str]] = defaultdict(list)
        self.by_spelling: dict[str, list[str]] = defaultdict(list)
        for name in names:
            path = PurePosixPath(name)
            for file in (path.name, f'{path.stem}.*'):
                self.by_name[file].append(name)
                self.by_spelling[_spelling(file)].append(name)

    def find(self, image: AnnotatedImage) -> Path | None:
        """Find the file of an annotated picture; None if there is none.

        It is looked for by its path relative to the annotation file, to the folders where the tool
        puts pictures, and to the data's folder. If it is in none of them, any file of that name is
        taken, preferably one in a folder of the picture's split; if there is none either, one whose
        name differs in upper and lower case, or in the Unicode form of its letters, only.

        Raises:
            UserError: Several files have that name.
        """
        name = image.name.replace('\\', '/')
        for folder in (*image.folders, self.root, self.root / 'images'):
            for path in _files(folder, name):
                return Path(os.path.normpath(path))
        last = PurePosixPath(name).name
        names = (last, UPLOADED.sub('', last, count=1))
        found = [self.by_name.get(n) for n in names]
        found += [self.by_spelling.get(_spelling(n)) for n in names]
        matches = next((files for files in found if files), [])
        end = _spelling(f'/{name.lstrip("/")}')
        ends = [match for match in matches if _spelling(f'/{match}').endswith(end)]
        matches = ends or matches
        if len(matches) > 1 and image.split:
            matches = [
                match for match in matches if split_of(Path(match), Path()) == image.split
            ] or matches
        if len(matches) > 1:
            raise image.place.error(
                f'which picture is {image.name}? {" and ".join(matches[:3])} are called so'
            )
        return self.root / matches[0] if matches else None


def _spelling(name: str) -> str:
    """What two names share that the file systems of Windows and macOS take for one."""
    return unicodedata.normalize('NFC', name).casefold()


def _files(folder: Path, name: str) -> list[Path]:
    """The files of a name in a folder; a name with ``.*`` at its end may have any suffix."""
    if not name.endswith('.*'):
        path = folder / name
        return [path] if path.is_file() else []
    stem = folder / name.removesuffix('.*')
    suffixes = [form(s) for s in PICTURE_SUFFIXES for form in (str, str.upper)]
    return [path for s in suffixes if (path := stem.with_name(f'{stem.name}{s}')).is_file()]
