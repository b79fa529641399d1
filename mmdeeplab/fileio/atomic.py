"""Files that appear whole or not at all."""

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
def replacing(path: Path, disk: Disk, needed: int = 0) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of ``path`` at the end, on the disk for certain.

    Args:
        path: The final name; whatever stands there stays until the new file is complete.
        disk: The calls to make.
        needed: Size in bytes, for the message.

    Raises:
        NotSaved: The file system refused; nothing is left behind, the old file is intact.
    """
    beside = path.with_name(f'.tmp-{socket.gethostname()}-{os.getpid()}-{path.name}')
    try:
        file = disk.create(beside)
        try:
            yield file
            disk.sync(file)
        finally:
            with suppress(OSError):  # the failure that matters is the first
                file.close()
        disk.rename(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise NotSaved(error.errno, refusal(path, error, needed)) from error
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # some network file systems cannot; the file is complete
        disk.sync_folder(path.parent)


def refusal(path: Path, error: OSError, needed: int) -> str:
    """Path, reason, bytes needed and bytes free."""
    try:
        free = f'{shutil.disk_usage(path.parent).free:,} bytes are free'
    except OSError:
        free = 'free space unknown'
    wanted = f'it needs {needed:,} bytes, ' if needed else ''
    return f'{path} is not saved: {error.strerror or error} ({wanted}{free})'


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
