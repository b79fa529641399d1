"""Read arrays from ``.npz`` files without unpickling objects."""

from pathlib import Path

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive_formats import require_bounded_zip
from mmdeeplab.weights.table import Array


def read_npz(path: Path) -> dict[str, Array]:
    """Read all arrays of a file.

    Raises:
        UserError: The file is broken, holds objects, or unpacks to far more bytes than it has.
    """
    try:
        require_bounded_zip(path)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except UserError:
        raise
    except Exception as error:  # zlib's, zipfile's and NumPy's, for damaged and encrypted files
        raise UserError(f'{path} is not a readable .npz of plain arrays: {error}') from error
