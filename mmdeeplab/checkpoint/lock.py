"""A lock that allows only one training in a folder, and ends with its process."""

import errno
import fcntl
import json
import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.errors import UserError

NAME = 'training.lock'
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class HeldLock(NamedTuple):
    """A lock of this process: the open file, and how many times it is held."""

    file: int
    process: int
    times: int


_held: dict[str, HeldLock] = {}


@contextmanager
def training_lock(folder: str | Path) -> Iterator[None]:
    """Hold the lock of a work dir within the block; the same process may take it several times.

    It is a POSIX record lock on the file ``training.lock``. The system releases it when the process
    ends, even by SIGKILL; forked processes (data workers) do not inherit it. It works between
    processes of one machine, also in containers, and between machines if the network file system
    supports locks, as NFS does by default. If there are no such locks, there is a warning. On
    several ranks only rank 0 takes it. The file remains afterwards; it means nothing by itself.

    Args:
        folder: The work dir, which must exist.

    Raises:
        UserError: Another process trains there; it names the process, its machine and its start.
    """
    key = os.path.realpath(folder)
    if os.environ.get('RANK', '0') != '0' or not _enter(key):
        yield
        return
    try:
        yield
    finally:
        _leave(key)


def _enter(key: str) -> bool:
    """Take the lock, or count it once more; False if the file system has no locks."""
    held = _held.get(key)
    if held and held.process == os.getpid():
        _held[key] = held._replace(times=held.times + 1)
        return True
    path = Path(key) / NAME
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:  # the check of the folder reports a read-only one
        if path.exists():
            _doubt(f'{path} cannot be opened ({error.strerror})')
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(file, 4096, 0)
        os.close(file)
        if error.errno in NO_LOCKS:
            _doubt(f'{key}: this file system keeps no locks ({error.strerror})')
            return False
        raise UserError(
            f'another training writes to {key}: {holder_sentence(holder)}; wait for it, end it, or '
            'name another folder by --work-dir'
        ) from error
    who = dict(process=os.getpid(), host=socket.gethostname(), start=time.strftime('%F %T %z'))
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(who).encode(), 0)
    except OSError:  # the disk is full: the lock holds, but its file does not name the process
        pass
    _held[key] = HeldLock(file, os.getpid(), 1)
    return True


def _doubt(why: str) -> None:
    warnings.warn(f'{why}, so another training may write there at the same time', stacklevel=5)


def _leave(key: str) -> None:
    held = _held[key]
    if held.process != os.getpid():  # forked while the lock was held: it is the parent's
        return
    if held.times > 1:
        _held[key] = held._replace(times=held.times - 1)
        return
    del _held[key]
    os.close(held.file)


def holder_sentence(holder: bytes) -> str:
    """A sentence about who holds a lock, from the contents of its file."""
    try:
        who = json.loads(holder)
        return f'process {who["process"]} on {who["host"]}, since {who["start"]}'
    except (ValueError, KeyError, TypeError):
        return 'a process that could not note its number'
