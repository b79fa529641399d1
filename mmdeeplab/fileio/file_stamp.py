"""Detect changes of a file without reading it."""

from __future__ import annotations

from pathlib import Path


def stamp(path: str | Path) -> list[int]:
    """Size, times and inode of a file; empty if it does not exist.

    Size and modification time do not suffice: ``cp -p`` and ``touch -r`` set that time back. So the
    time of the last change of the inode, which cannot be set, and the inode's number are included.

    Returns:
        Size in bytes, ``st_mtime_ns``, ``st_ctime_ns``, ``st_ino``.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
