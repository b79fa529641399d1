"""List the files of a folder, and open files that users or data sets name.

Only regular files of a bounded size are read: reading a named pipe might never end, and a device
might fill the memory.
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

PICTURE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.jp2', '.avif')
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


def read_bytes(path: str | Path, noun: str = 'file', limit: int = MAX_BYTES) -> bytes:
    """Read a regular file.

    Args:
        path: The file; links are followed.
        noun: Word for the file in messages; 'image' and 'mask' give the faults ``missing-image``
            and ``missing-mask``.
        limit: Largest number of bytes.

    Raises:
        UserError: The file is missing, not a regular file, too large, or cannot be read.
    """
    handle = open_regular(path, noun)
    with handle:
        size = os.fstat(handle.fileno()).st_size
        if size <= limit:
            try:
                data = handle.read(limit + 1)
            except OSError as error:
                raise _unreadable(path, noun, error) from error
            size = len(data)
        if size > limit:
            raise bad_data(
                'too-large', f'the {noun} {path} is too large: {size:,} bytes, at most {limit:,}'
            )
    return data


def read_text(path: str | Path, noun: str = 'file') -> str:
    """Read a regular file of UTF-8 text, without a byte order mark.

    Raises:
        UserError: It cannot be read (:func:`read_bytes`), or is not UTF-8.
    """
    try:
        return read_bytes(path, noun, MAX_TEXT_BYTES).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise UserError(f'the {noun} {path} is not UTF-8 text: {error.reason}') from error


def open_regular(path: str | Path, noun: str = 'file') -> io.BufferedReader:
    """Open a regular file for reading; named pipes and devices are refused without waiting.

    Raises:
        UserError: It is missing, not a regular file, or cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise bad_data(f'missing-{noun}', f'the {noun} {path} is missing') from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, noun, error) from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise _no_file(path, noun, mode)
    return os.fdopen(handle, 'rb')


def require_regular(path: str | Path, noun: str = 'file') -> None:
    """Refuse what :func:`open_regular` refuses, for libraries that open files themselves."""
    open_regular(path, noun).close()


def native_path(path: str | Path, noun: str = 'file') -> str:
    """The absolute path of a file, for libraries in C that open it by its name.

    FFmpeg and GDAL take a relative ``12:30.mp4`` for an address; a name that is no UTF-8 ends
    OpenCV, and with it the process.

    Raises:
        UserError: The path is not UTF-8.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100  (links stay)
    try:
        absolute.encode()
    except UnicodeEncodeError:
        raise UserError(
            f'the path of the {noun} {path} is not UTF-8, as its library needs it: rename it'
        ) from None
    return absolute


def is_regular(path: str | Path, noun: str = 'file') -> bool:
    """Whether a regular file exists; False only if nothing does.

    Raises:
        UserError: Something else is there (a folder, a named pipe, a broken link), or a file that
            cannot be opened.
    """
    try:
        if not os.path.lexists(path):
            return False
    except ValueError:  # not a possible path
        return False
    require_regular(path, noun)
    return True


def _no_file(path: str | Path, noun: str, mode: int) -> UserError:
    file_type = next((words for test, words in _KINDS if test(mode)), 'no regular file')
    return bad_data('not-a-file', f'the {noun} {path} is {file_type}, not a file: not opened')


def _unreadable(path: str | Path, noun: str, error: OSError | ValueError) -> UserError:
    code = getattr(error, 'errno', None)
    if code == errno.ENXIO:  # a socket cannot be opened at all
        return _no_file(path, noun, stat.S_IFSOCK)
    if code == errno.ELOOP:
        return bad_data('unreadable', f'the {noun} {path} is a link that leads back to itself')
    reason = getattr(error, 'strerror', None) or str(error)
    return bad_data('unreadable', f'the {noun} {path} cannot be read: {reason}')


@dataclass(frozen=True)
class Listing:
    """The files of a folder.

    Attributes:
        names: Sorted paths of the files with one of the wanted suffixes, relative to the folder.
        system: Files and folders of operating systems (``._x.jpg``, ``.DS_Store``, ``__MACOSX``),
            and hidden folders.
        others: Files with another suffix.
    """

    names: tuple[str, ...]
    system: tuple[str, ...]
    others: tuple[str, ...]


def is_system_file(name: str) -> bool:
    """Whether a file is one of an operating system, such as ``._x.jpg`` or ``Thumbs.db``."""
    return name.startswith('._') or name.lower() in _SYSTEM_FILES


def is_system_folder(name: str) -> bool:
    """Whether a folder is hidden, or comes from an operating system."""
    return name.startswith('.') or name.lower() in _SYSTEM_FOLDERS


def list_files(
    folder: str | Path, suffixes: Sequence[str] = PICTURE_SUFFIXES, recurse: bool = False
) -> Listing:
    """List the files of a folder; each folder is visited once, even if links lead to it.

    Args:
        folder: The folder.
        suffixes: The wanted suffixes, in lower case.
        recurse: Whether to include sub-folders.

    Raises:
        UserError: The folder cannot be read.
    """
    names: list[str] = []
    system: list[str] = []
    others: list[str] = []
    entries = _walk(str(folder), '', recurse, system, set())
    for entry, relative in progress(entries, f'looking through {folder}', unit='files'):
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
    """Yield the entries that are not folders, with their path relative to the first folder."""
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
    except OSError:  # a loop of links: opening it reports the error
        return False
