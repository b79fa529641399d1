"""Read PNG, TIFF and NPY images as they are stored, with every band and every bit.

PNG is read by OpenCV, TIFF by tifffile (the extra ``tiff``): of a TIFF with four grey bands OpenCV
silently gives the first one, and it cannot read more than four.
"""

import io
from pathlib import Path

import cv2
import numpy as np

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.image_io import (
    check_pixel_count,
    opencv_pixels,
    read_bytes,
    read_header,
)
from mmdeeplab.datasets.stored_kind import (
    NPY,
    PNG,
    TIFF,
    attempt,
    broken,
    check_kind,
    named_axes,
    only_series,
    stored_shape,
)
from mmdeeplab.errors import bad_data


def read_stored(path: str | Path) -> np.ndarray:
    """Read a file as (H, W, bands) uint8, uint16 or float32, with bands and values as stored.

    No EXIF rotation is applied; the indices of a palette become its colours.

    Raises:
        UserError: The file is missing, broken, too large, of another type, of more than 16 bands,
            or holds NaN or infinity; the message names it.
    """
    return decode_stored(read_bytes(path, 'image'), path)


def decode_stored(data: bytes, path: object) -> np.ndarray:
    """Decode a file's bytes, see :func:`read_stored`; ``path`` is for messages."""
    size, pixels = stored_kind(data, path)
    if data.startswith(NPY):
        image = attempt(lambda: np.load(io.BytesIO(data), allow_pickle=False), data, path)
    elif data.startswith(TIFF):
        image = attempt(lambda: _bands_last(*_first_series(data)), data, path)
    else:
        image = opencv_pixels(data, cv2.IMREAD_UNCHANGED)
        if image is None:
            raise broken(data, path, 'it cannot be decoded')
        image = _in_file_order(image, pixels.bands)
    image = np.ascontiguousarray(image.reshape(*size, pixels.bands), pixels.depth)
    if image.dtype == np.float32:
        require_numbers(image, path)
    return image


def require_numbers(image: np.ndarray, path: object) -> None:
    """Refuse an array with NaN or infinity.

    Raises:
        UserError: It names the file and how many there are.
    """
    if wrong := image.size - int(np.isfinite(image).sum()):
        raise bad_data(
            'pixels',
            f'the image {path} has {wrong} values that are NaN or infinite, for which no network '
            'has an answer; write a number where there is no measurement',
        )


def stored_kind(data: bytes, path: object) -> tuple[tuple[int, int], Pixels]:
    """Read size (H, W), bands and depth of an image from the first bytes of its file.

    Raises:
        UserError: The file is not an image, or one whose values cannot be kept as they are.
    """
    shape_and_type = stored_shape(data, path)
    if shape_and_type is None:
        header = read_header(data, str(path), 'image')
        shape_and_type = (
            (header.height, header.width, 1 if header.mode == 'L' else 3),
            np.dtype(np.uint8),
        )
    elif data.startswith(PNG):
        read_header(data, str(path), 'image')  # whether its end is there
    (height, width, _), _ = shape_and_type
    check_pixel_count(height, width, 'image', path)
    return (height, width), check_kind(*shape_and_type, path)


def check_pixels(image: np.ndarray, wanted: Pixels, path: object) -> None:
    """Refuse an image (H, W, bands) whose bands or depth are not those that a config names.

    Raises:
        UserError: It names the file, its bands and depth.
    """
    check_bands(image.shape[2] if image.ndim == 3 else 1, image.dtype.name, wanted, path)


def check_bands(bands: int, depth: str, wanted: Pixels, path: object) -> None:
    """Refuse bands and depth in a file's header that are not those that a config names."""
    if (bands, depth) != (wanted.bands, wanted.depth):
        raise bad_data(
            'pixels',
            f'the image {path} has {bands} band{"s" if bands > 1 else ""} of {depth}, '
            f'the config reads {wanted}: write the image anew, or name its own in LoadImage',
        )


def _first_series(data: bytes) -> tuple[np.ndarray, str]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series = only_series(file)
        return series.asarray(), named_axes(series.axes, series.shape)


def _bands_last(image: np.ndarray, axes: str) -> np.ndarray:
    """Bring an array, whose axes ``axes`` names (Y, X, others), to (H, W, bands)."""
    image = np.moveaxis(image, (axes.index('Y'), axes.index('X')), (0, 1))
    return image.reshape(*image.shape[:2], -1)


def _in_file_order(image: np.ndarray, bands: int) -> np.ndarray:
    """Undo OpenCV's conversions: BGR(A) becomes RGB(A), and copies of a grey band become one."""
    if image.ndim == 2:
        return image[..., None]
    if bands <= 2:
        return image[..., [0, -1][:bands]]
    return image[..., [2, 1, 0, *range(3, image.shape[2])]][..., :bands]
