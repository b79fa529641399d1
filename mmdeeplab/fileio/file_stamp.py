"""Whether a file is still the one that something was made from, without reading it."""

from __future__ import annotations

from pathlib import Path


def stamp(path: str | Path) -> list[int]:
    """Size, times and number of a file; empty when it is not there.

    Size and time of modification alone do not tell: ``cp -p`` and ``touch -r`` set the time back.
    So the time of the last change to the entry, which nobody can set, and the inode belong to it.

    Returns:
        Bytes, ``st_mtime_ns``, ``st_ctime_ns``, ``st_ino``.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
