"""Download files from the Hugging Face hub and verify them by its checksums."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.fileio.download import fetch
from mmdeeplab.fileio.partial_file import alone

SCHEME = 'hf-hub:'
WEIGHTS = 'model.safetensors'
REPOSITORY = re.compile(r'[\w-][\w.-]*/[\w-][\w.-]*', re.ASCII)
# What git has in the place of a large file (git-lfs, version 1).
POINTER = re.compile(r'oid sha256:(?P<sha256>[0-9a-f]{64})\nsize (?P<size>\d+)\n')
POINTER_SIZE = 4096


def address() -> str:
    """Address of the hub: ``$HF_ENDPOINT``, as for huggingface_hub, or huggingface.co."""
    return (os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')


def is_repository(name: str) -> bool:
    """Whether a name can be a repository of the hub, ``OWNER/NAME``, and is not a local path."""
    return bool(REPOSITORY.fullmatch(name)) and Path(name).suffix != '.py'


def local_weights(name: str) -> str:
    """A local file of weights: the given one, or the downloaded one of ``hf-hub:OWNER/NAME``.

    Raises:
        UserError: There is no such repository, or the file is not what the hub says.
    """
    if not name.startswith(SCHEME):
        return name
    return str(hub_file(name.removeprefix(SCHEME), WEIGHTS))


def hub_file(repository: str, file: str, large: bool = True) -> Path:
    """Download a file of a repository's main branch to the cache, unless it is there.

    Checksum and size of a large file are downloaded first and kept, so that a file in the cache can
    be verified without network. If another process downloads the file, as another rank of a
    training does, that is waited for.

    Args:
        repository: ``OWNER/NAME``.
        file: The file's name in the repository.
        large: Whether the hub stores the file outside git (LFS).

    Raises:
        UserError: The name is not possible, there is no such file, or it has another checksum.
    """
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f'{repository} is no repository of the hub: write OWNER/NAME')
    path = cache_folder() / 'hub' / repository / file
    if path.is_file():
        return _fetched(f'{address()}/{repository}', path, large)
    waiting = f'another process gets {file} of {repository}: waiting for it'  # as another rank
    with alone(path.with_name(f'{file}.lock'), waiting):
        return _fetched(f'{address()}/{repository}', path, large)


def _fetched(home: str, path: Path, large: bool) -> Path:
    """The file at ``path`` in the cache, downloaded from ``home`` unless it is there and right."""
    if not large:
        if not path.is_file():
            fetch(f'{home}/resolve/main/{path.name}', path, quiet=True)
        return path
    noted = path.with_name(f'{path.name}.lfs')
    if not noted.is_file():
        fetch(f'{home}/raw/main/{path.name}', noted, max_size=POINTER_SIZE, quiet=True)
    pointer = POINTER.search(noted.read_text(encoding='utf-8', errors='replace'))
    if pointer is None:
        noted.unlink()
        raise UserError(f'{home}: no checksum of {path.name} is published there')
    fetch(
        f'{home}/resolve/main/{path.name}',
        path,
        sha256=pointer['sha256'],
        size=int(pointer['size']),
    )
    return path
