"""Keep decoded pictures on disk, which saves decoding where cores are scarcer than disk space."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.file_stamp import stamp
from mmdeeplab.version import __version__


def through_cache(folder: str | None, path: str, read: Callable[[str], np.ndarray]) -> np.ndarray:
    """Read a picture, or take the array that it gave before if the file has not changed since.

    Args:
        folder: Folder of the decoded arrays, which are not compressed; None keeps nothing.
        path: File of the picture.
        read: Decodes the file, or raises UserError; errors are not kept.

    Raises:
        UserError: ``folder`` cannot be written.
    """
    file = Path(path)
    if folder is None or not file.is_file():
        return read(path)
    key = repr((str(file.resolve()), stamp(file), read.__name__, __version__))
    array_file = Path(folder) / f'{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.npy'
    with suppress(OSError, EOFError, ValueError):  # missing or incomplete: decode again
        return np.load(array_file, allow_pickle=False)
    array = read(path)
    with placing(array_file) as partial, partial.open('wb') as out:
        np.save(out, array, allow_pickle=False)
    return array
