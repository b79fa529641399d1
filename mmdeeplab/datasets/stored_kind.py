"""Read size, bands and depth of PNG, TIFF and NPY images from the first bytes of the file."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from mmdeeplab.config.pixels import DEPTHS, MOST_BANDS, Pixels
from mmdeeplab.errors import UserError, bad_data

TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
NPY = b'\x93NUMPY'
PNG = b'\x89PNG\r\n\x1a\n'
_PNG_BANDS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by colour type; a palette's colours are three
_PNG_HEADER = 26  # bytes up to the colour type


def stored_shape(data: bytes, path: object) -> tuple[tuple[int, ...], np.dtype] | None:
    """Shape (H, W, bands) and type of the values of a PNG, TIFF or NPY; None for other files.

    Raises:
        UserError: The file is broken, its array has other axes, or it is a TIFF and tifffile is not
            installed.
    """
    if data.startswith(NPY):
        shape, dtype = attempt(lambda: npy_header(data), data, path)
        shape = (*shape, 1) if len(shape) == 2 else shape
    elif data.startswith(TIFF):
        shape, dtype = attempt(lambda: _tiff_header(data), data, path)
    elif data.startswith(PNG) and len(data) >= _PNG_HEADER and data[25] in _PNG_BANDS:
        width, height = (int.from_bytes(data[i : i + 4], 'big') for i in (16, 20))
        shape = (height, width, _PNG_BANDS[data[25]])
        dtype = np.dtype(np.uint16 if data[24] == 16 else np.uint8)
    else:
        return None
    if len(shape) != 3 or 0 in shape:
        raise bad_data('pixels', f'the image {path} has the shape {shape}, not (H, W, bands)')
    return shape, dtype


def lost_in_rgb(data: bytes) -> Pixels | None:
    """Bands and depth of an image that loses values as RGB of 8 bits; None if it loses none."""
    try:
        shape_and_type = stored_shape(data, '')
        if shape_and_type is None:
            return None
        pixels = check_kind(*shape_and_type, '')
    except UserError:
        return None
    loses = pixels.bands > 4 or pixels.depth != 'uint8' or _has_other_bands(data)
    return pixels if loses else None


def check_kind(shape: tuple[int, ...], dtype: np.dtype, path: object) -> Pixels:
    """Bands and depth of an image of a shape (H, W, bands) and a type of values.

    Raises:
        UserError: Images like this cannot be read as stored.
    """
    if dtype.name not in DEPTHS or shape[2] > MOST_BANDS:
        raise bad_data(
            'pixels',
            f'the image {path} has {shape[2]} bands of {dtype.name}; read are up to {MOST_BANDS} '
            f'of {", ".join(DEPTHS)}: write it anew as one of them',
        )
    return Pixels(shape[2], dtype.name)


def attempt(read: Callable[[], Any], data: bytes, path: object) -> Any:
    """Call ``read``, and raise a library's error as a UserError about the file."""
    try:
        return read()
    except UserError:
        raise
    except ImportError as error:
        raise UserError(
            f"the image {path} is a TIFF, which tifffile reads: pip install 'mmdeeplab[tiff]'"
        ) from error
    except Exception as error:  # tifffile and its decoders raise of all kinds
        if 'imagecodecs' in str(error):
            raise UserError(
                f'the image {path} is a TIFF that imagecodecs unpacks: pip install '
                "'mmdeeplab[tiff]'"
            ) from error
        raise broken(data, path, str(error) or type(error).__name__) from error


def broken(data: bytes, path: object, why: str) -> UserError:
    """The error about a file that cannot be decoded."""
    return bad_data('unreadable', f'the image {path} is broken ({len(data)} bytes): {why}')


def npy_header(data: bytes) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the values of the array in an NPY file.

    Raises:
        ValueError: The header is broken.
    """
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    shape, _, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
    return shape, dtype


def _tiff_header(data: bytes) -> tuple[tuple[int, ...], np.dtype]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series = only_series(file)
        axes = named_axes(series.axes, series.shape)
        order = [axes.index('Y'), axes.index('X')]
        rest = [size for i, size in enumerate(series.shape) if i not in order]
        return (*(series.shape[i] for i in order), int(np.prod(rest, dtype=int))), series.dtype


def _has_other_bands(data: bytes) -> bool:
    """Whether a TIFF has a band that is neither colour nor alpha, by its tag ExtraSamples."""
    if not data.startswith(TIFF):
        return False
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return 0 in file.pages.first.extrasamples


def only_series(file: Any) -> Any:
    """The only picture of a TIFF, tifffile's ``TiffFile``; reduced copies do not count.

    Raises:
        ValueError: The file holds several pictures.
    """
    if len(file.series) != 1:
        raise ValueError(f'it holds {len(file.series)} pictures of different shapes, not one')
    return file.series[0]


def named_axes(axes: str, shape: tuple[int, ...]) -> str:
    """Names of a TIFF's axes; if Y and X are not among them, the last two are called so."""
    if 'Y' in axes and 'X' in axes:
        return axes
    return f'{axes[: len(shape) - 2].lower()}YX'
