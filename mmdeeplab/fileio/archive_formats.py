"""Read tar and zip files without trusting the sizes in their headers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple, cast

from mmdeeplab.errors import UserError

BLOCK = 1 << 20
LONGEST_READ = 1 << 24  # tarfile reads a header's extension in one go, whatever it claims to be
ENCRYPTED = 0x1
UNPACKED_FREELY, UNPACKED_RATIO = 1 << 28, 16  # bytes, and times the packed ones
COMPRESSIONS: dict[bytes, Callable[..., object]] = {
    b'\x1f\x8b': gzip.open,
    b'BZh': bz2.open,
    b'\xfd7zXZ': lzma.open,
}


@dataclass(frozen=True)
class Limits:
    """Limits for the contents of an archive.

    Attributes:
        size: Largest number of unpacked bytes of all files together.
        files: Largest number of members, folders included.
    """

    size: int = 8 << 30
    files: int = 200_000


class Member(NamedTuple):
    """A plain file in an archive; ``file`` must be read before the next member is taken."""

    name: PurePosixPath
    size: int
    file: IO[bytes]


Entries = Iterator[tuple[str, Member | None]]


def first_bytes(archive: Path) -> bytes:
    """The first bytes of an archive, which tell its format."""
    with archive.open('rb') as file:
        return file.read(8)


def tar_members(archive: Path, limits: Limits) -> Entries:
    """Yield name and file of each member of a tar archive; for a folder the file is None."""
    start = first_bytes(archive)
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
        while plain.read(BLOCK):  # checksums are at the end of a compressed stream
            pass


def zip_members(archive: Path, limits: Limits) -> Entries:
    """Yield name and file of each member of a zip archive; for a folder the file is None."""
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            file_type = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & ENCRYPTED or file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _not_plain(archive, info.filename)
            if info.is_dir():
                yield info.filename, None
                continue
            with packed.open(info) as file:
                yield info.filename, Member(PurePosixPath(info.filename), info.file_size, file)


def require_bounded_zip(path: Path) -> None:
    """Refuse a zip file of arrays that unpacks to far more bytes than it has.

    Weights hardly become smaller by compression; kilobytes that unpack to gigabytes are not
    weights. Files that are not zip files are accepted.

    Raises:
        UserError: It names both sizes.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as packed:
        size = sum(info.file_size for info in packed.infolist())
    if size > UNPACKED_FREELY + UNPACKED_RATIO * path.stat().st_size:
        raise UserError(
            f'{path} is not read: its {path.stat().st_size:,} bytes claim to unpack to {size:,}'
        )


def _not_plain(archive: Path, name: str) -> UserError:
    return UserError(
        f'{archive} is not unpacked: its member {name!r} is neither a plain file nor a folder'
    )


class _Bounded(io.RawIOBase):
    """A stream that raises an error when more bytes are read from it than allowed."""

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
