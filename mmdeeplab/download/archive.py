"""Archives that may be hostile: plain files, below one folder, within limits, and nothing else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple, cast

from mmdeeplab.download.part import writing
from mmdeeplab.errors import UserError

BLOCK = 1 << 20
LONGEST_READ = 1 << 24  # tarfile reads a header's extension in one go, whatever it claims to be
ENCRYPTED = 0x1
COMPRESSIONS: dict[bytes, Callable[..., object]] = {
    b'\x1f\x8b': gzip.open,
    b'BZh': bz2.open,
    b'\xfd7zXZ': lzma.open,
}
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most, unpacked.

    Attributes:
        size: Bytes of all files together.
        files: Members, folders included.
    """

    size: int = 8 << 30
    files: int = 200_000


class Member(NamedTuple):
    """A plain file of an archive; ``file`` is to be read before the next one is asked for."""

    name: PurePosixPath
    size: int
    file: IO[bytes]


def extract(
    archive: str | Path,
    folder: str | Path,
    limits: Limits = Limits(),
    wanted: Callable[[PurePosixPath], bool] = lambda name: True,
) -> int:
    """Unpack the plain files of a tar (also gz, bz2, xz) or zip below ``folder``.

    A file appears under its name when it is whole. One that is there already is never overwritten:
    with the same size it is kept, so that a broken run can go on.

    Args:
        archive: The archive.
        folder: Made if need be.
        limits: Of what is unpacked.
        wanted: Which members to write; the others are checked all the same.

    Returns:
        How many files were written.

    Raises:
        UserError: Broken, too large, or with a member that is not a plain file below ``folder``;
            or another file stands in the way.
    """
    folder, written = Path(folder), 0
    for member in members(archive, limits):
        if not wanted(member.name):
            continue
        target = folder / member.name
        if target.is_symlink() or target.exists():
            if not target.is_file() or target.stat().st_size != member.size:
                raise UserError(
                    f'{target} is there already and differs from the one in {archive}; '
                    'move it away, it is not overwritten'
                )
            continue
        partial = target.with_name(target.name + '.part')
        with writing(target, member.size):
            target.parent.mkdir(parents=True, exist_ok=True)
            out = partial.open('wb')
        with out:
            while block := _read(archive, member.file):
                with writing(target, member.size):
                    out.write(block)
        partial.replace(target)
        written += 1
    return written


def members(archive: str | Path, limits: Limits = Limits()) -> Iterator[Member]:
    """The plain files of an archive, in its order.

    Raises:
        UserError: See :func:`extract`; the name is checked before the member is handed out.
    """
    archive = Path(archive)
    if not archive.is_file():
        raise UserError(f'no archive at {archive}')
    count = size = 0
    try:
        found = _zip_members if _start(archive).startswith(b'PK') else _tar_members
        for name, member in found(archive, limits):
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
    except BROKEN as error:
        raise _broken(archive, error) from error


Found = Iterator[tuple[str, Member | None]]


def _start(archive: Path) -> bytes:
    with archive.open('rb') as file:
        return file.read(8)


def _tar_members(archive: Path, limits: Limits) -> Found:
    """Names and files; None for a folder."""
    start = _start(archive)
    opener = next((o for magic, o in COMPRESSIONS.items() if start.startswith(magic)), None)
    with archive.open('rb') as raw:
        plain = cast(BinaryIO, opener(raw) if opener else raw)
        headers = tarfile.RECORDSIZE + limits.files * 4 * tarfile.BLOCKSIZE
        with tarfile.open(
            fileobj=_Bounded(plain, limits.size + headers, archive), mode='r:'
        ) as tar:
            for info in tar:
                if info.isdir():
                    yield info.name, None
                elif info.isreg() and not info.issparse():
                    with closing(cast(IO[bytes], tar.extractfile(info))) as file:
                        yield info.name, Member(PurePosixPath(info.name), info.size, file)
                else:
                    raise _not_plain(archive, info.name)
        while plain.read(BLOCK):  # a compressed stream proves itself at its end
            pass


def _zip_members(archive: Path, limits: Limits) -> Found:
    """Names and files; None for a folder."""
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & ENCRYPTED or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _not_plain(archive, info.filename)
            if info.is_dir():
                yield info.filename, None
                continue
            with packed.open(info) as file:
                yield info.filename, Member(PurePosixPath(info.filename), info.file_size, file)


def _checked(archive: Path, name: str) -> PurePosixPath:
    """A name that stays below the folder on every system.

    Raises:
        UserError: It does not.
    """
    path = PurePosixPath(name)
    bad = path.is_absolute() or '..' in path.parts or not name
    if bad or any(c in name for c in '\\:\0'):
        raise UserError(f'{archive} is not unpacked: its member {name!r} would leave the folder')
    return path


def _not_plain(archive: Path, name: str) -> UserError:
    return UserError(
        f'{archive} is not unpacked: its member {name!r} is neither a plain file nor a folder'
    )


def _broken(archive: str | Path, error: BaseException) -> UserError:
    return UserError(f'{archive} is no archive, or a broken one: {error or type(error).__name__}')


def _read(archive: str | Path, file: IO[bytes]) -> bytes:
    try:
        return file.read(BLOCK)
    except BROKEN as error:
        raise _broken(archive, error) from error


class _Bounded(io.RawIOBase):
    """A stream that ends in an error when more comes out of it than was allowed."""

    def __init__(self, stream: BinaryIO, limit: int, archive: Path) -> None:
        self.stream, self.limit, self.archive = stream, limit, archive

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LONGEST_READ or self.stream.tell() > self.limit:
            raise UserError(f'{self.archive} is not unpacked: it claims to hold too much')
        return self.stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset > self.limit:
            raise UserError(f'{self.archive} is not unpacked: it claims to hold too much')
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
