"""Writing so that a file is whole under its name, and disks that do not take it are named."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from mmdeeplab.errors import UserError

LONGEST_NAME = 255  # bytes that the usual file systems take


@contextlib.contextmanager
def writing(path: Path, needed: int | None = None) -> Iterator[None]:
    """Name the file, the bytes needed and those free when the disk does not take it.

    Raises:
        UserError: In the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f'cannot write {path}: {error.strerror or error}{_room(path, needed)}'
        ) from (error)


@contextlib.contextmanager
def placing(path: Path, needed: int | None = None) -> Iterator[Path]:
    """A name beside ``path`` to write to; what is there in the end gets the name ``path``.

    Nobody else has that name, so several processes may write one file: the last one's stays.

    Raises:
        UserError: The disk does not take it; nothing has changed at ``path``.
    """
    ending = f'.{os.urandom(4).hex()}.part'
    fits = len(os.fsencode(path.name)) + len(ending) <= LONGEST_NAME
    partial = path.with_name(f'{path.name if fits else ""}{ending}')
    with writing(path, needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):  # the failure that matters is the first
                partial.unlink()
            raise


def _room(path: Path, needed: int | None) -> str:
    folder = next((p for p in path.absolute().parents if p.is_dir()), Path('/'))
    text = f'; {shutil.disk_usage(folder).free:,} bytes are free'
    return text + (f', {needed:,} are needed' if needed else '')


def require_room(path: Path, needed: int) -> None:
    """Fail before a transfer that cannot fit.

    Raises:
        UserError: The disk has less than ``needed`` bytes.
    """
    if needed > shutil.disk_usage(path.parent).free:
        raise UserError(f'no room for {path}{_room(path, needed)}')
