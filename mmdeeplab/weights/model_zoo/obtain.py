"""Obtain a published checkpoint: download, verify, unpack, convert, and keep it in the cache."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive import extract
from mmdeeplab.fileio.archive_formats import Limits
from mmdeeplab.fileio.atomic import writing
from mmdeeplab.fileio.download import Patience, fetch
from mmdeeplab.fileio.partial_file import alone
from mmdeeplab.weights.model_zoo.cache import WeightCache, converter_version
from mmdeeplab.weights.model_zoo.rows import LONGEST_DIGEST, OWN, Checkpoint

LIMITS = Limits(size=4 << 30, files=1_000)
Convert = Callable[[Checkpoint, Path, Path], None]
"""Bring the file of a row (first path) into the model of its config (second path)."""


def obtain(
    row: Checkpoint,
    cache: WeightCache,
    convert: Convert,
    *,
    refresh: bool = False,
    patience: Patience = Patience(),
    quiet: bool = False,
) -> Path:
    """The converted checkpoint of a row, from the cache or else from its address.

    The downloaded file is removed after the conversion, but kept if that fails. If another process
    obtains the same checkpoint, its result is waited for.

    Args:
        row: The published checkpoint.
        cache: The cache.
        convert: Converts a downloaded file.
        refresh: Whether to convert it again if it is in the cache.
        patience: How often and how long to try the download again.
        quiet: Show no progress.

    Raises:
        UserError: It cannot be downloaded, is not the expected file, or does not fit its config.
    """
    if row.importer is None:
        raise UserError(f'{row.name} cannot be imported: {row.note} It is at {row.url}')
    if not refresh and (path := cache.verified(row.name, row)):
        record = cache.record(row.name)
        if row.importer != OWN and record and record.converter != converter_version():
            print(
                f'{row.name} was converted by another version of the importer '
                f'({record.converter}); `{tool("weights")} get {row.name} --refresh` '
                'converts it again',
                file=sys.stderr,
            )
        return path
    lock = cache.downloads(row.name).with_name(f'{row.name}.lock')
    with alone(lock, f'another process gets {row.name}: waiting for it'):
        if not refresh and (path := cache.verified(row.name, row)):
            return path
        return _renewed(row, cache, convert, patience, quiet)


def _renewed(
    row: Checkpoint, cache: WeightCache, convert: Convert, patience: Patience, quiet: bool
) -> Path:
    """Download, convert and keep the checkpoint of a row; return its path in the cache."""
    download = cache.downloads(row.name) / row.file_name
    downloaded = _download(row, cache, download, patience, quiet)
    target = cache.weights(row.name)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(prefix='.converting-', dir=target.parent)
    with work as folder:
        source = _unpack(row, download, Path(folder) / 'unpacked', quiet)
        made = Path(folder) / target.name
        if row.importer == OWN:
            target, made = _cached_path(row, source, target), source
        else:
            convert(row, source, made)
        with writing(target):
            made.replace(target)
    cache.keep(row, downloaded, target)
    shutil.rmtree(download.parent, ignore_errors=True)
    return target


def _download(
    row: Checkpoint, cache: WeightCache, path: Path, patience: Patience, quiet: bool
) -> str:
    """Download the file of a row; return its SHA-256.

    A file whose full checksum is not published is trusted at the first download; later ones must
    give the same.
    """
    first = cache.seen(row)
    if first and row.sha256 and not first.startswith(row.sha256):
        first = None  # the model zoo has another checksum by now
    try:
        digest = fetch(
            row.url,
            path,
            sha256=first or row.sha256,
            size=row.size,
            patience=patience,
            quiet=quiet,
        )
    except UserError as error:
        if first and 'sha256' in str(error):
            raise UserError(
                f'{error} (the sha256 of the first download). If the publisher has replaced the '
                f'file, remove {cache.folder / "seen" / row.name}.json'
            ) from error
        raise
    if not first and len(row.sha256 or '') < LONGEST_DIGEST:
        cache.see(row, digest)
        print(
            f'{row.url}: sha256 {digest}; no full checksum is published, so this one is trusted '
            'now and compared from now on',
            file=sys.stderr,
        )
    return digest


def _cached_path(row: Checkpoint, source: Path, target: Path) -> Path:
    """The path in the cache for a file that is in our format already.

    Raises:
        UserError: Its suffix is that of another format.
    """
    if source.suffix not in ('.safetensors', '.pth'):
        raise UserError(
            f'{row.name}: the importer "{OWN}" is for .safetensors and .pth, got {source.name}'
        )
    return target.with_suffix(source.suffix)


def _unpack(row: Checkpoint, download: Path, folder: Path, quiet: bool) -> Path:
    """The file that is converted: the download itself, or the one in it that the row names.

    Raises:
        UserError: No file in the archive, or several, match the row's pattern.
    """
    if row.member is None:
        return download
    extract(download, folder, LIMITS, quiet=quiet)
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    members = [path for path in files if path.relative_to(folder).match(row.member)]
    if len(members) != 1:
        names = ', '.join(path.relative_to(folder).as_posix() for path in files[:8])
        raise UserError(
            f'{download}: {len(members)} files match {row.member!r}, not 1; it holds {names}'
        )
    return members[0]
