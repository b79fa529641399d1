"""A partly downloaded file: ``PATH.part``, with ``PATH.part.json`` about where it is from."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import Disk, writing
from mmdeeplab.fileio.https import StartOverError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]


class Part:
    """The received bytes of a file, from which a later call or process resumes the download.

    Args:
        path: The final path, which gets the file only when it is complete and verified.
        url: The address of the file.

    Attributes:
        length: Size of the whole file in bytes, if the server says it.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path.with_name(path.name + '.part')
        self.final, self.url = path, url
        self.note = path.with_name(path.name + '.part.json')
        self.length: int | None = None
        self.validator = ''
        self.file: BinaryIO

    def __enter__(self) -> Part:
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open('ab')
            if not _lock(self.file, self.path):
                self.file.close()
                raise UserError(f'another process is downloading to {self.path}; wait for it')
        self._recall()
        return self

    def __exit__(self, *error: object) -> None:
        # Bytes that could not be written have been reported already.
        with contextlib.suppress(OSError):
            if not self.size and _is_at(self.file, self.path):
                self.note.unlink(missing_ok=True)
                self.path.unlink()
            self.file.close()

    @property
    def size(self) -> int:
        """Number of received bytes."""
        return os.fstat(self.file.fileno()).st_size

    @property
    def whole(self) -> bool:
        """Whether all bytes have been received."""
        return self.length is not None and self.size == self.length

    def _recall(self) -> None:
        """Continue the part of an earlier call, if it is certainly of the same file."""
        try:
            note = json.loads(self.note.read_text())
            validator, length = str(note['validator']), note['length']
            fits = note['url'] == self.url and isinstance(length, int) and self.size <= length
        except (OSError, ValueError, KeyError, TypeError):
            fits = False
        if fits and validator:
            self.validator, self.length = validator, length
        else:
            self.discard()

    def discard(self) -> None:
        """Delete the received bytes."""
        with writing(self.path):
            self.file.truncate(0)
            self.note.unlink(missing_ok=True)
        self.validator, self.length = '', None

    def headers(self) -> dict[str, str]:
        """Headers that request the missing bytes; empty if the whole file must be requested."""
        if not self.size or not self.validator:
            return {}
        return {'Range': f'bytes={self.size}-', 'If-Range': self.validator}

    def begin(self, response: HTTPResponse) -> None:
        """Prepare for the bytes of a response: the whole file (200) or the missing bytes (206).

        Raises:
            StartOverError: They do not continue the received bytes.
        """
        etag = response.headers.get('ETag', '')
        validator = etag if etag.startswith('"') else response.headers.get('Last-Modified', '')
        if response.status == 206:
            wanted = f'bytes {self.size}-'
            range_ = response.headers.get('Content-Range', '')
            total = range_.rpartition('/')[2]
            changed = bool(etag) and self.validator.startswith('"') and etag != self.validator
            other = self.length is not None and total != str(self.length)
            if not range_.startswith(wanted) or changed or other or not total.isdigit():
                raise StartOverError('the file has changed on the server')
            self.length = int(total)
            return
        self.discard()
        length = response.headers.get('Content-Length', '')
        self.length = int(length) if length.isdigit() else None
        self.validator = validator
        if validator and self.length is not None:
            text = json.dumps(dict(url=self.url, validator=validator, length=self.length))
            with writing(self.note):
                self.note.write_text(text)

    def write(self, block: bytes) -> None:
        """Append a block of received bytes."""
        with writing(self.path, self.length):
            self.file.write(block)
            self.file.flush()

    def publish(self) -> None:
        """Flush the file to the disk and give it its final name."""
        with writing(self.final, self.length):
            os.fsync(self.file.fileno())
            self.path.replace(self.final)
            self.note.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # some network file systems cannot; the file is complete
            Disk().sync_folder(self.final.parent)


@contextlib.contextmanager
def alone(path: Path, waiting: str) -> Iterator[None]:
    """Hold a lock on the file ``path``, which is made and stays, while the block runs.

    Args:
        path: The file; it means nothing by itself.
        waiting: Printed on standard error if another process has the lock, before waiting for it.

    Raises:
        UserError: The file cannot be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open('ab')
    with file:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks, as on some clusters
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    print(waiting, file=sys.stderr, flush=True)
                    fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock(file: BinaryIO, path: Path) -> bool:
    """Lock a file; whether this process has the lock, and the file is still the one at ``path``."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks, as on some clusters
        return True
    # Another process may have given it its final name between opening and locking.
    return _is_at(file, path)


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether ``path`` still names the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
