"""Write files so that they appear as a whole or not at all; explain errors of the disk."""

import errno
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from mmdeeplab.errors import UserError

TEMPORARY = re.compile(r'\.tmp-(?P<host>.+)-(?P<pid>\d+)-(?P<name>.+)')
LONGEST_NAME = 255  # bytes that the usual file systems take
FOREIGN_AGE = 86_400  # seconds after which another machine's left-over is taken for dead


class NotSaved(OSError):
    """A file could not be written; the message has path, reason, needed and free bytes."""

    def __str__(self) -> str:
        return str(self.strerror)


class Disk:
    """The calls to the file system that a save makes; tests replace single ones by failing ones."""

    def create(self, path: Path) -> BinaryIO:
        return path.open('wb')

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        file.write(data)

    def sync(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def sync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


@contextmanager
def placing(path: Path, needed: int | None = None, suffix: str = '') -> Iterator[Path]:
    """Give a temporary path beside ``path``; after the block it is renamed to ``path``.

    The temporary name is unique, so several processes may write the same file; the last one wins.

    Args:
        path: The final path; its folder is made if it is missing.
        needed: Size of the file in bytes, for the message.
        suffix: Ending of the temporary name, for writers that depend on it.

    Raises:
        UserError: The disk refuses the file; nothing has changed at ``path``.
    """
    with writing(path, needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _beside(path, Disk(), suffix) as beside:
            yield beside


@contextmanager
def replacing(path: Path, disk: Disk, needed: int = 0) -> Iterator[BinaryIO]:
    """Give a file to write to; after the block it is flushed to the disk and renamed to ``path``.

    Args:
        path: The final path; an existing file stays until the new one is complete.
        disk: Makes the calls to the file system.
        needed: Size of the file in bytes, for the message.

    Raises:
        NotSaved: The file cannot be written; the old file is intact, and nothing else is left.
    """
    try:
        with _beside(path, disk) as beside:
            file = disk.create(beside)
            try:
                yield file
                disk.sync(file)
            finally:
                with suppress(OSError):  # the failure that matters is the first
                    file.close()
    except OSError as error:
        raise NotSaved(error.errno, refusal(path, error, needed)) from error
    with suppress(OSError):  # some network file systems cannot; the file is complete
        disk.sync_folder(path.parent)


@contextmanager
def _beside(path: Path, disk: Disk, suffix: str = '') -> Iterator[Path]:
    """A temporary path beside ``path``: renamed to it after the block, or removed after an error.

    Without a ``suffix`` it ends with a random number, so that the remains of a killed process are
    not taken for an image or a checkpoint.
    """
    process = _of_process()
    ending = f'.{os.urandom(4).hex()}{suffix}'
    fits = len(os.fsencode(process + path.name + ending)) <= LONGEST_NAME
    beside = path.with_name(process + (path.name if fits else '') + ending)
    try:
        yield beside
        disk.rename(beside, path)
    except BaseException:
        with suppress(OSError):  # the failure that matters is the first
            beside.unlink(missing_ok=True)
        raise


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """Give a temporary folder in ``parent``, removed after the block.

    What killed processes left in ``parent`` is removed first (:func:`sweep`).
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    with TemporaryDirectory(prefix=_of_process(), dir=parent) as folder:
        yield Path(folder)


def _of_process() -> str:
    """The beginning of the names of temporary files of this process."""
    return f'.tmp-{socket.gethostname()}-{os.getpid()}-'


@contextmanager
def writing(path: Path, needed: int | None = None) -> Iterator[None]:
    """Turn an OSError in the block into a sentence with the file, needed and free bytes.

    Raises:
        UserError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f'cannot write {path}: {error.strerror or error}{_room(path, needed)}'
        ) from error


def require_room(path: Path, needed: int) -> None:
    """Refuse to start a transfer that does not fit on the disk.

    Raises:
        UserError: The disk has less than ``needed`` bytes.
    """
    if needed > shutil.disk_usage(path.parent).free:
        raise UserError(f'no room for {path}{_room(path, needed)}')


def _room(path: Path, needed: int | None) -> str:
    return f'; {_free(path)}' + (f', {needed:,} are needed' if needed else '')


def refusal(path: Path, error: OSError, needed: int) -> str:
    """The sentence about a file that cannot be written: path, reason, needed and free bytes."""
    wanted = f'it needs {needed:,} bytes, ' if needed else ''
    return f'{path} is not saved: {error.strerror or error} ({wanted}{_free(path)})'


def _free(path: Path) -> str:
    """Free bytes for a file, whose folder may not exist yet."""
    folder = next((p for p in path.absolute().parents if p.is_dir()), Path('/'))
    try:
        return f'{shutil.disk_usage(folder).free:,} bytes are free'
    except OSError:
        return 'free space unknown'


def sweep(folder: Path, starts: bool = False) -> list[Path]:
    """Remove temporary files and folders that killed processes left in one; return their paths.

    Only those with our names for temporary files are removed, if their process was on this machine
    and no longer runs. Files of other machines are removed after a day.

    Args:
        folder: Where they lie.
        starts: Whether this process has not written there yet, so that files with its number are of
            an earlier container.
    """
    removed = []
    for path in folder.glob('.tmp-*'):
        match = TEMPORARY.fullmatch(path.name)
        if match and _dead(match['host'], int(match['pid']), path, starts):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                removed.append(path)
    return removed


def _dead(host: str, pid: int, path: Path, starts: bool) -> bool:
    if host != socket.gethostname():
        return time.time() - path.stat().st_mtime > FOREIGN_AGE
    if pid == os.getpid():
        return starts
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def probe(folder: Path, needed: int = 0, disk: Disk | None = None) -> None:
    """Check that checkpoints can be written: by a small file, and by the free space.

    Args:
        folder: Folder of the checkpoints, made if it is missing.
        needed: Size of a checkpoint in bytes.
        disk: Makes the calls to the file system.

    Raises:
        UserError: The folder cannot be written, or has less free space than a checkpoint needs.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f'.probe-{socket.gethostname()}-{os.getpid()}'  # every rank has its own
        with replacing(target, disk or Disk()) as file:
            file.write(b'can this folder be written?')
        target.unlink()
        free = shutil.disk_usage(folder).free
        if free < needed:
            reason = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise NotSaved(reason.errno, refusal(folder / 'a checkpoint', reason, needed))
    except OSError as error:
        detail = error.strerror if isinstance(error, NotSaved) else f'{folder}: {error.strerror}'
        raise UserError(f'checkpoints cannot be written to {folder}: {detail}') from error
