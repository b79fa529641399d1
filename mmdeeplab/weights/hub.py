"""Download files from the Hugging Face hub and verify them by its checksums."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.fileio.download import fetch

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
    be verified without network.

    Args:
        repository: ``OWNER/NAME``.
        file: The file's name in the repository.
        large: Whether the hub stores the file outside git (LFS).

    Raises:
        UserError: The name is not possible, there is no such file, or it has another checksum.
    """
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f'{repository} is no repository of the hub: write OWNER/NAME')
    host, folder = address(), cache_folder() / 'hub' / repository
    path = folder / file
    if not large:
        if not path.is_file():
            fetch(f'{host}/{repository}/resolve/main/{file}', path, quiet=True)
        return path
    noted = folder / f'{file}.lfs'
    if not noted.is_file():
        url = f'{host}/{repository}/raw/main/{file}'
        fetch(url, noted, max_size=POINTER_SIZE, quiet=True)
    pointer = POINTER.search(noted.read_text(encoding='utf-8', errors='replace'))
    if pointer is None:
        noted.unlink()
        raise UserError(f'{host}/{repository}: no checksum of {file} is published there')
    fetch(
        f'{host}/{repository}/resolve/main/{file}',
        path,
        sha256=pointer['sha256'],
        size=int(pointer['size']),
    )
    return path
