"""Files that appear whole or not at all, and disks that do not take them, named."""

import errno
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mmdeeplab.errors import UserError

TEMPORARY = re.compile(r'\.tmp-(?P<host>.+)-(?P<pid>\d+)-(?P<name>.+)')
LONGEST_NAME = 255  # bytes that the usual file systems take
FOREIGN_AGE = 86_400  # seconds after which another machine's left-over is taken for dead


class NotSaved(OSError):
    """A file could not be written; the message names path, reason, bytes needed and free."""

    def __str__(self) -> str:
        return str(self.strerror)


class Disk:
    """The calls that a save makes, one method a stage, so that a proof can break each of them."""

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
    """A name beside ``path`` to write to; what is there in the end gets the name ``path``.

    Nobody else has that name, so several processes may write one file: the last one's stays.

    Args:
        path: The final name; its folder is made if need be.
        needed: Size in bytes, for the message.
        suffix: What the name ends with, for writers that go by it.

    Raises:
        UserError: The disk does not take it; nothing has changed at ``path``.
    """
    with writing(path, needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _beside(path, Disk(), suffix) as beside:
            yield beside


@contextmanager
def replacing(path: Path, disk: Disk, needed: int = 0) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of ``path`` at the end, on the disk for certain.

    Args:
        path: The final name; whatever stands there stays until the new file is complete.
        disk: The calls to make.
        needed: Size in bytes, for the message.

    Raises:
        NotSaved: The file system refused; nothing is left behind, the old file is intact.
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
    """A name beside ``path`` that takes its place at the end, and is removed after a failure.

    Without a ``suffix`` it ends with a random number, so that nobody who lists the images or
    checkpoints of the folder takes the left-over of a killed process for one.
    """
    process = f'.tmp-{socket.gethostname()}-{os.getpid()}-'
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
        ) from error


def require_room(path: Path, needed: int) -> None:
    """Fail before a transfer that cannot fit.

    Raises:
        UserError: The disk has less than ``needed`` bytes.
    """
    if needed > shutil.disk_usage(path.parent).free:
        raise UserError(f'no room for {path}{_room(path, needed)}')


def _room(path: Path, needed: int | None) -> str:
    return f'; {_free(path)}' + (f', {needed:,} are needed' if needed else '')


def refusal(path: Path, error: OSError, needed: int) -> str:
    """Path, reason, bytes needed and bytes free."""
    wanted = f'it needs {needed:,} bytes, ' if needed else ''
    return f'{path} is not saved: {error.strerror or error} ({wanted}{_free(path)})'


def _free(path: Path) -> str:
    """Bytes free for a file, whose folder may not be there yet."""
    folder = next((p for p in path.absolute().parents if p.is_dir()), Path('/'))
    try:
        return f'{shutil.disk_usage(folder).free:,} bytes are free'
    except OSError:
        return 'free space unknown'


def sweep(folder: Path) -> list[Path]:
    """Remove what killed processes left half-written; return it.

    Only files of our own pattern, and only of a process of this machine that no longer runs. A
    file of this very process number is one of an earlier container. Files of other machines go
    after a day.
    """
    removed = []
    for path in folder.glob('.tmp-*'):
        match = TEMPORARY.fullmatch(path.name)
        if match and _dead(match['host'], int(match['pid']), path):
            with suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed


def _dead(host: str, pid: int, path: Path) -> bool:
    if host != socket.gethostname():
        return time.time() - path.stat().st_mtime > FOREIGN_AGE
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def probe(folder: Path, needed: int = 0, disk: Disk | None = None) -> None:
    """Write, flush, rename and remove a small file, and compare the free space.

    Args:
        folder: Where checkpoints will go; made when missing.
        needed: Bytes of one checkpoint.
        disk: The calls to make.

    Raises:
        UserError: The folder cannot be written, or has less room than one checkpoint takes.
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
        what = error.strerror if isinstance(error, NotSaved) else f'{folder}: {error.strerror}'
        raise UserError(f'checkpoints cannot be written to {folder}: {what}') from error
