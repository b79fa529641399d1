"""Files of the Hugging Face hub, fetched by our own downloads and verified by its checksums."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.fileio.download import fetch

SCHEME = 'hf-hub:'
WEIGHTS = 'model.safetensors'
REPOSITORY = re.compile(r'[\w-][\w.-]*/[\w-][\w.-]*')
# What git has in the place of a large file (git-lfs, version 1).
POINTER = re.compile(r'oid sha256:(?P<sha256>[0-9a-f]{64})\nsize (?P<size>\d+)\n')
POINTER_SIZE = 4096


def address() -> str:
    """Where the hub is: ``$HF_ENDPOINT``, as for huggingface_hub, else huggingface.co."""
    return (os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')


def is_repository(name: str) -> bool:
    """Whether a name can be a repository of the hub, ``OWNER/NAME``, and not a path of files."""
    return bool(REPOSITORY.fullmatch(name)) and Path(name).suffix != '.py'


def local_weights(name: str) -> str:
    """A file of weights on this machine: itself, or what ``hf-hub:OWNER/NAME`` stands for.

    Raises:
        UserError: No such repository, or a file that is not what the hub says.
    """
    if not name.startswith(SCHEME):
        return name
    return str(hub_file(name.removeprefix(SCHEME), WEIGHTS))


def hub_file(repository: str, file: str, large: bool = True) -> Path:
    """A file of a repository's main branch, in the cache.

    A large one has its checksum and size in the repository; they are fetched first, and are kept:
    what was fetched once needs no network.

    Args:
        repository: ``OWNER/NAME``.
        file: Its name there.
        large: Whether the hub keeps it beside git.

    Raises:
        UserError: A name that is none, no such file, or another file than the hub says.
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
