"""Files that data and users name: which of a folder count, and how one is opened.

Only regular files of a bounded size are read. A named pipe would be waited for without end, a
device read until the memory is full.
"""

import errno
import io
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.console import progress
from mmdeeplab.errors import UserError, bad_data

PICTURE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
MAX_BYTES = 2**31
"""Larger pictures are refused; 134 million pixels of four channels of 16 bits are half of it."""
MAX_TEXT_BYTES = 2**28
"""Larger lists are refused: five million lines are a quarter of it."""

_SYSTEM_FILES = ('thumbs.db', 'desktop.ini', '.ds_store')
_SYSTEM_FOLDERS = ('__macosx', '@eadir')  # of macOS' archives and of network storages
_KINDS = (
    (stat.S_ISDIR, 'a folder'),
    (stat.S_ISFIFO, 'a named pipe'),
    (stat.S_ISSOCK, 'a socket'),
    (stat.S_ISCHR, 'a device'),
    (stat.S_ISBLK, 'a device'),
)


def read_bytes(path: str | Path, what: str = 'file', limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file.

    Args:
        path: The file; links are followed.
        what: What the message calls it; the kinds of fault ``missing-image`` and ``missing-mask``
            come from 'image' and 'mask'.
        limit: The most bytes.

    Raises:
        UserError: It is missing, no regular file, too large, or cannot be read.
    """
    handle = open_regular(path, what)
    with handle:
        size = os.fstat(handle.fileno()).st_size
        if size <= limit:
            try:
                data = handle.read(limit + 1)
            except OSError as error:
                raise _unreadable(path, what, error) from error
            size = len(data)
        if size > limit:
            raise bad_data(
                'too-large', f'the {what} {path} is too large: {size:,} bytes, at most {limit:,}'
            )
    return data


def read_text(path: str | Path, what: str = 'file') -> str:
    """The content of a regular file of UTF-8 text, without a byte order mark.

    Raises:
        UserError: As :func:`read_bytes`, or it is not UTF-8.
    """
    try:
        return read_bytes(path, what, MAX_TEXT_BYTES).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise UserError(f'the {what} {path} is not UTF-8 text: {error.reason}') from error


def open_regular(path: str | Path, what: str = 'file') -> io.BufferedReader:
    """A regular file, opened for reading without waiting for anybody.

    Raises:
        UserError: It is missing, no regular file, or cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise bad_data(f'missing-{what}', f'the {what} {path} is missing') from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise _no_file(path, what, mode)
    return os.fdopen(handle, 'rb')


def require_regular(path: str | Path, what: str = 'file') -> None:
    """Refuse what :func:`open_regular` refuses, for programs that open files by themselves."""
    open_regular(path, what).close()


def is_regular(path: str | Path, what: str = 'file') -> bool:
    """Whether there is a regular file, for places that do something else where nothing is.

    Raises:
        UserError: Something else is there (a folder, a named pipe, a link that leads nowhere), or
            a file that cannot be opened.
    """
    try:
        if not os.path.lexists(path):
            return False
    except ValueError:  # a path that nothing can have
        return False
    require_regular(path, what)
    return True


def _no_file(path: str | Path, what: str, mode: int) -> UserError:
    kind = next((words for test, words in _KINDS if test(mode)), 'no regular file')
    return bad_data('not-a-file', f'the {what} {path} is {kind}, not a file: not opened')


def _unreadable(path: str | Path, what: str, error: OSError | ValueError) -> UserError:
    code = getattr(error, 'errno', None)
    if code == errno.ENXIO:  # a socket cannot be opened at all
        return _no_file(path, what, stat.S_IFSOCK)
    if code == errno.ELOOP:
        return bad_data('unreadable', f'the {what} {path} is a link that leads back to itself')
    reason = getattr(error, 'strerror', None) or str(error)
    return bad_data('unreadable', f'the {what} {path} cannot be read: {reason}')


@dataclass(frozen=True)
class Listing:
    """The files of a folder.

    Attributes:
        names: Those that count, sorted; with ``/`` where they lie in sub-folders.
        system: Files and folders that operating systems leave (``._x.jpg``, ``.DS_Store``,
            ``__MACOSX``) and hidden folders.
        others: Files with another suffix.
    """

    names: tuple[str, ...]
    system: tuple[str, ...]
    others: tuple[str, ...]


def is_system_file(name: str) -> bool:
    """Whether an operating system wrote the file, not the user: ``._x.jpg``, ``Thumbs.db``."""
    return name.startswith('._') or name.lower() in _SYSTEM_FILES


def is_system_folder(name: str) -> bool:
    """Whether a folder is hidden, or comes from an operating system."""
    return name.startswith('.') or name.lower() in _SYSTEM_FOLDERS


def list_files(
    folder: str | Path, suffixes: Sequence[str] = PICTURE_SUFFIXES, recurse: bool = False
) -> Listing:
    """What a folder holds; each folder is looked at once, whatever links lead to it.

    Args:
        folder: The folder.
        suffixes: Of the files that count, in small letters.
        recurse: Take the files of sub-folders, too.

    Raises:
        UserError: It cannot be read.
    """
    names: list[str] = []
    system: list[str] = []
    others: list[str] = []
    found = _walk(str(folder), '', recurse, system, set())
    for entry, relative in progress(found, f'looking through {folder}', unit='files'):
        if is_system_file(entry.name):
            system.append(relative)
        elif os.path.splitext(entry.name)[1].lower() in suffixes:  # noqa: PTH122  (a fifth of the time)
            names.append(relative)
        else:
            others.append(relative)
    return Listing(tuple(sorted(names)), tuple(sorted(system)), tuple(sorted(others)))


def _walk(
    folder: str, prefix: str, recurse: bool, system: list[str], seen: set[tuple[int, int]]
) -> Iterator[tuple[os.DirEntry, str]]:
    """Entries that are no folders, with their path from the first folder."""
    try:
        status = os.stat(folder)  # noqa: PTH116  (a loop of links is an OSError here)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as scanned:
            entries = list(scanned)
    except OSError as error:
        raise UserError(f'the folder {folder} cannot be read: {error.strerror}') from error
    for entry in entries:
        relative = f'{prefix}{entry.name}'
        if not _is_folder(entry):
            yield entry, relative
        elif is_system_folder(entry.name):
            system.append(f'{relative}/')
        elif recurse:
            yield from _walk(entry.path, f'{relative}/', recurse, system, seen)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links: told when it is opened
        return False
