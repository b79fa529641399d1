"""Find the file of a sample by its id, in folders whose files have different suffixes."""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from mmdeeplab.errors import UserError


def as_suffixes(value: str | Sequence[str], key: str) -> tuple[str, ...]:
    """Check a setting of the config that is one suffix or several; return a tuple.

    Args:
        value: ``'.jpg'``, or ``('.jpg', '_mask.png', 'mask_*.png')`` with ``*`` for the id.
        key: Key of the config, for the message.

    Raises:
        UserError: The value is neither a suffix nor a sequence of them.
    """
    suffixes = (value,) if isinstance(value, str) else tuple(value or ())
    if not suffixes or not all(isinstance(suffix, str) for suffix in suffixes):
        raise UserError(f"{key} is a suffix, e.g. '.jpg', or several of them, got {value!r}")
    return tuple(dict.fromkeys(suffixes))


def file_name(name: str, suffix: str) -> str:
    """File of the id ``a/b``: ``a/b_x.png`` for ``_x.png``, ``a/x_b.png`` for ``x_*.png``."""
    if '*' not in suffix:
        return f'{name}{suffix}'
    folder, slash, last = name.rpartition('/')
    return f'{folder}{slash}{suffix.replace("*", last, 1)}'


class FilesById:
    """Finds the files of ids in a folder, which is listed only once.

    If an id has no file, one whose name is the same text in another Unicode form (``é`` as one
    character or as two) is taken.

    Args:
        folder: The folder; ids may contain sub-folders.
        suffixes: The suffixes that files may have, see :func:`as_suffixes`.
    """

    def __init__(self, folder: Path, suffixes: Sequence[str]) -> None:
        self.folder, self.suffixes = folder, tuple(suffixes)
        self._listed: dict[str, frozenset[str]] = {}
        self._composed: dict[str, dict[str, list[str]]] = {}

    def names(self, name: str) -> tuple[str, ...]:
        """Names, relative to the folder, of all files of an id: one, none, or several."""
        parent, slash, last = name.rpartition('/')
        listing = self._names_in(parent)
        wanted = [file_name(last, suffix) for suffix in self.suffixes]
        files = [file for file in wanted if file in listing]
        if not files and not last.isascii():
            composed = self._composed_in(parent)
            files = [f for w in wanted for f in composed.get(unicodedata.normalize('NFC', w), ())]
        return tuple(f'{parent}{slash}{file}' for file in dict.fromkeys(files))

    def path(self, name: str) -> Path:
        """The path of an id's file; if there is none, the path where it should be."""
        names = self.names(name)
        return self.folder / (names[0] if names else file_name(name, self.suffixes[0]))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.names(name))

    def _names_in(self, parent: str) -> frozenset[str]:
        if parent not in self._listed:
            folder = self.folder / parent
            names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
            self._listed[parent] = frozenset(names)
        return self._listed[parent]

    def _composed_in(self, parent: str) -> dict[str, list[str]]:
        if parent not in self._composed:
            composed: dict[str, list[str]] = {}
            for file in self._names_in(parent):
                if not file.isascii():
                    composed.setdefault(unicodedata.normalize('NFC', file), []).append(file)
            self._composed[parent] = composed
        return self._composed[parent]
