"""Unpack archives that may be hostile: only plain files, below one folder, within limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive_formats import (
    BLOCK,
    Limits,
    Member,
    first_bytes,
    tar_members,
    zip_members,
)
from mmdeeplab.fileio.atomic import placing


def extract(
    archive: str | Path,
    folder: str | Path,
    limits: Limits = Limits(),
    wanted: Callable[[PurePosixPath], bool] = lambda name: True,
    quiet: bool = False,
) -> int:
    """Unpack the plain files of a tar (also gz, bz2, xz) or zip archive below a folder.

    A file gets its name when it is complete. Existing files are not overwritten; one with the same
    content is accepted, so that an interrupted run can be repeated.

    Args:
        archive: The archive.
        folder: The folder, made if it is missing.
        limits: Limits of size and number of files.
        wanted: Tells which members to write; the others are checked all the same.
        quiet: Show no progress.

    Returns:
        The number of files that were written.

    Raises:
        UserError: The archive is broken, too large, or has a member that is not a plain file below
            ``folder``; or another file is in the way.
    """
    archive, folder, written = Path(archive), Path(folder), 0
    hidden = True if quiet else None
    for member in tqdm(members(archive, limits), archive.name, unit='file', disable=hidden):
        if not wanted(member.name):
            continue
        target = folder / member.name
        if target.is_symlink() or target.exists():
            if not _is_there(archive, target, member):
                raise UserError(
                    f'{target} is there already and differs from the one in {archive}; '
                    'move it away, it is not overwritten'
                )
            continue
        with placing(target, member.size) as partial, partial.open('wb') as out:
            while block := _read(archive, member.file):
                out.write(block)
        written += 1
    return written


def _is_there(archive: Path, target: Path, member: Member) -> bool:
    """Whether a path is a file with the content of a member."""
    if not target.is_file() or target.stat().st_size != member.size:
        return False
    with target.open('rb') as file:
        while block := _read(archive, member.file):
            if file.read(len(block)) != block:
                return False
    return True


def members(archive: str | Path, limits: Limits = Limits()) -> Iterator[Member]:
    """Yield the plain files of an archive, in its order.

    Raises:
        UserError: The archive is broken, too large, or has a member that is not a plain file with a
            safe name.
    """
    archive = Path(archive)
    if not archive.is_file():
        raise UserError(f'no archive at {archive}')
    count = size = 0
    try:
        reader = zip_members if first_bytes(archive).startswith(b'PK') else tar_members
        for name, member in reader(archive, limits):
            count += 1
            if count > limits.files:
                raise UserError(f'{archive} holds more than {limits.files:,} files')
            checked = _checked(archive, name)
            if member is None:
                continue
            size += member.size
            if size > limits.size:
                raise UserError(f'{archive} unpacks to more than {limits.size:,} bytes')
            yield member._replace(name=checked)
    except UserError:
        raise
    except Exception as error:  # of many kinds, for files that are broken on purpose
        raise _broken(archive, error) from error


def _checked(archive: Path, name: str) -> PurePosixPath:
    """Check that the name of a member stays below the folder on every operating system.

    Raises:
        UserError: It does not.
    """
    path = PurePosixPath(name)
    bad = path.is_absolute() or '..' in path.parts or not name
    if bad or any(c in name for c in '\\:\0'):
        raise UserError(f'{archive} is not unpacked: its member {name!r} would leave the folder')
    return path


def _broken(archive: str | Path, error: BaseException) -> UserError:
    return UserError(f'{archive} is no archive, or a broken one: {error or type(error).__name__}')


def _read(archive: str | Path, file: IO[bytes]) -> bytes:
    try:
        return file.read(BLOCK)
    except Exception as error:
        raise _broken(archive, error) from error
