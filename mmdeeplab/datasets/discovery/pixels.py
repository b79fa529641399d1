"""Find bands and depth of a folder's images, and mean and standard deviation of each band."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.discovery.pairs import Pairs
from mmdeeplab.datasets.files_by_id import FilesById
from mmdeeplab.datasets.image_io import read_bytes, read_header
from mmdeeplab.datasets.stored_images import decode_stored, stored_kind
from mmdeeplab.datasets.stored_kind import lost_in_rgb
from mmdeeplab.errors import UserError


def image_paths(pairs: Pairs) -> list[Path]:
    """The images of a split, in the order of its ids."""
    files = FilesById(pairs.images, pairs.image_suffixes)
    return [files.path(name) for name in pairs.ids]


def find_pixels(paths: Sequence[Path], all_bands: bool) -> Pixels | None:
    """Bands and depth of images that are to be read as they are stored.

    Args:
        paths: The images.
        all_bands: Read them as stored even if RGB of 8 bits would lose nothing but an alpha
            channel.

    Returns:
        None if they are to be read as RGB of 8 bits: photographs, or a mixture that allows it.

    Raises:
        UserError: The images have different bands or depths, or values that cannot be kept. Broken
            files are left to the check.
    """
    first_paths: dict[Pixels, Path] = {}
    rgb = plain = True
    for path in paths:
        data = b''
        try:
            data = read_bytes(path, 'image')
            _, pixels = stored_kind(data, path)
        except UserError as error:
            if error.fault in ('', 'pixels') and not _is_rgb(data, path):
                raise
            continue
        first_paths.setdefault(pixels, path)
        rgb = rgb and _is_rgb(data, path)
        plain = plain and lost_in_rgb(data) is None
    if rgb and not all_bands and (plain or len(first_paths) > 1):
        return None
    if len(first_paths) > 1:
        examples = ' and '.join(
            f'{path} has {pixels}' for pixels, path in list(first_paths.items())[:2]
        )
        raise UserError(
            f'the images differ: {examples}; a network takes one kind, write them alike'
        )
    return next(iter(first_paths), None)


def _is_rgb(data: bytes, path: Path) -> bool:
    """Whether a file's bytes can be read as RGB of 8 bits."""
    try:
        read_header(data, path, 'image')
    except UserError:
        return False
    return True


def mean_and_spread(paths: Sequence[Path]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each band over all pixels, to five digits.

    A constant band gets the standard deviation 1, since images are divided by it.

    Args:
        paths: At least one image; all have the same bands and depth.

    Raises:
        UserError: An image cannot be read.
    """
    count, total, squares = 0, np.zeros(()), np.zeros(())
    offset = None
    for path in paths:
        image = decode_stored(read_bytes(path, 'image'), path)
        pixels = image.reshape(-1, image.shape[2]).astype(np.float64)
        offset = pixels.mean(0) if offset is None else offset  # keeps the squares small
        pixels -= offset
        count += len(pixels)
        total, squares = total + pixels.sum(0), squares + (pixels**2).sum(0)
    assert offset is not None
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
    spread[spread == 0] = 1
    return [float(f'{x:.5g}') for x in mean + offset], [float(f'{x:.5g}') for x in spread]
