"""Verify files by size and checksum."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.errors import UserError

BLOCK = 1 << 20
SHORTEST = 8  # hexadecimal digits of sha256 that publishers put into file names
PAGES = (b'<!doctype html', b'<html', b'<?xml')


def digest(*paths: str | Path, algorithm: str = 'sha256') -> str:
    """Checksum, in hexadecimal, of a file, or of several files as if they were one."""
    value = hashlib.new(algorithm, usedforsecurity=False)
    for path in paths:
        with Path(path).open('rb') as file:
            while block := file.read(BLOCK):
                value.update(block)
    return value.hexdigest()


@dataclass(frozen=True)
class Expected:
    """What is known about a file before it is downloaded; None stands for unknown.

    Attributes:
        sha256: 64 hexadecimal digits, or the first 8 or more if the publisher gives no more (8
            digits detect accidents, but not forgeries).
        md5: 32 hexadecimal digits.
        size: Number of bytes.
    """

    sha256: str | None = None
    md5: str | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        for name, value, shortest, longest in (
            ('sha256', self.sha256, SHORTEST, 64),
            ('md5', self.md5, 32, 32),
        ):
            if value is None:
                continue
            digits = set(value) <= set('0123456789abcdef')
            if not digits or not shortest <= len(value) <= longest:
                raise UserError(f'{name} must be {longest} hexadecimal digits, got {value!r}')
        if self.size is not None and self.size < 0:
            raise UserError(f'size must not be negative, got {self.size}')

    @property
    def known(self) -> bool:
        """Whether a checksum is known."""
        return bool(self.sha256 or self.md5)

    def fault(self, path: Path) -> str:
        """What is wrong with a file, in words; empty if it is the expected one."""
        size = path.stat().st_size
        if is_page(path):
            return 'it is a web page'
        if self.size is not None and size != self.size:
            return f'it has {size:,} bytes, not {self.size:,}'
        for algorithm, wanted in (('sha256', self.sha256), ('md5', self.md5)):
            if wanted and not (actual := digest(path, algorithm=algorithm)).startswith(wanted):
                return f'its {algorithm} is {actual}, not {wanted}'
        return ''


def is_page(path: Path) -> bool:
    """Whether a file is an HTML page, as servers send it if a file no longer exists."""
    return _starts_a_page(first_bytes(path))


def _starts_a_page(start: bytes) -> bool:
    return start.lstrip(b'\xef\xbb\xbf \t\r\n').lower().startswith(PAGES)


def taken_for_weights(path: Path) -> str:
    """What a file is that is often taken for weights, in words; empty if it is none of these."""
    start = first_bytes(path)
    if not start:
        return 'is empty: it has 0 bytes'
    if _starts_a_page(start):
        return 'is a web page: fetch the file itself'
    if start.startswith(b'version https://git-lfs'):
        return 'is what git has in the place of a large file: git lfs pull fetches it'
    by_torch = start.startswith((b'PK\3\4', b'\x80\2')) and not starts_safetensors(start)
    if by_torch and path.suffix == '.safetensors':
        return 'is of torch.save, whatever its name says: call it .pth'
    if b'"weight_map"' in start or path.name.endswith('.index.json'):
        return 'is the list of weights in several files: save them as one'
    return ''


def starts_safetensors(start: bytes) -> bool:
    """Whether a file begins as safetensors: eight bytes of a length below 4 GB, then JSON."""
    return start[4:9] == b'\0\0\0\0{'


def first_bytes(path: Path) -> bytes:
    """The first 512 bytes of a file, or fewer where it is shorter."""
    with path.open('rb') as file:
        return file.read(512)
