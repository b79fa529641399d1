"""Read pictures of any source, format and type as arrays (H, W, C)."""

import io
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Union

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from mmdeeplab.config.pixels import Pixels, evaluated_pixels
from mmdeeplab.config.protocols import network_of
from mmdeeplab.datasets.image_io import (
    decode_bands,
    decode_image,
    not_rgb,
    read_bands,
    read_bytes,
)
from mmdeeplab.datasets.stored_images import (
    check_pixels,
    decode_stored,
    read_stored,
    require_numbers,
)
from mmdeeplab.datasets.stored_kind import lost_in_rgb
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import open_regular

Picture = Union[  # noqa: UP007  (3.10)
    str, Path, bytes, bytearray, memoryview, IO[bytes], Image.Image, np.ndarray, Tensor
]
DOWNLOAD_LIMIT = 64 << 20  # bytes


def reader(cfg: Mapping) -> Callable[[Picture], np.ndarray]:
    """The function that reads pictures for the network of a config, as its predictions do."""
    if (pixels := evaluated_pixels(cfg)) is not None:
        return partial(read_as_stored, pixels=pixels)
    return partial(read_picture, bands=network_of(cfg)['backbone'].get('in_channels', 3))


def read_picture(
    picture: Picture, bands: int = 3, tell: Callable[[Pixels, str], object] | None = None
) -> np.ndarray:
    """Read a picture as (H, W, bands) uint8.

    Args:
        picture: A path, an https URL, an open file or its bytes, a PIL image, an array or a tensor.
        bands: Number of bands that the network takes: 3 for RGB. For another number, the file must
            have as many; the first three of them are RGB.
        tell: Called with bands and depth, and a sentence, if RGB of 8 bits loses a part of them.

    Raises:
        UserError: It is not an image, or its shape or type could mean several things.
    """
    name = picture if isinstance(picture, (str, Path)) else 'of these bytes'
    picture = fetched(picture)
    if bands != 3:
        return _read_bands(picture, bands)
    if isinstance(picture, (str, Path)):
        picture = read_bytes(picture, 'image')
    if isinstance(picture, bytes):
        array = swapped(decode_image(picture, name)[1])
        if tell is not None and (lost := lost_in_rgb(picture)):
            tell(lost, f'the image {name} {not_rgb(lost)}')
        return array
    if isinstance(picture, Image.Image):
        return from_pil(picture)
    if isinstance(picture, Tensor):
        return from_tensor(picture)
    if isinstance(picture, np.ndarray):
        return from_array(picture)
    raise UserError(f'not a picture: {type(picture).__name__}')


def _read_bands(picture: Picture, bands: int) -> np.ndarray:
    if isinstance(picture, (str, Path)):
        return swapped(read_bands(picture, bands))
    if isinstance(picture, bytes):
        return swapped(decode_bands(picture, bands, 'of these bytes'))
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        array = picture if picture.ndim == 3 else picture[..., None]
        if array.ndim == 3 and array.shape[2] == bands and array.size:
            return np.ascontiguousarray(array)
    description = f'{type(picture).__name__} {getattr(picture, "shape", "")}'.strip()
    raise UserError(
        f'the network takes {bands} bands: give it a file with them or an array (H, W, {bands}) of '
        f'uint8, not {description}'
    )


def read_as_stored(picture: Picture, pixels: Pixels) -> np.ndarray:
    """Read a picture as (H, W, bands) as it is stored, with every value kept.

    Args:
        picture: A path, an https URL, an open file or its bytes, or an array.
        pixels: The bands and the depth that the network takes.

    Raises:
        UserError: It is not an image, has other bands or another depth, or holds NaN or infinity.
    """
    name = picture if isinstance(picture, (str, Path)) else 'of these bytes'
    picture = fetched(picture)
    if isinstance(picture, (str, Path)):
        array = read_stored(picture)
    elif isinstance(picture, bytes):
        array = decode_stored(picture, name)
    else:
        name, array = 'of this array', np.asarray(picture)
        array = array[..., None] if array.ndim == 2 else array
        if array.ndim != 3 or not array.size:
            raise UserError(f'an array of a picture is (H, W, bands), got {array.shape}')
    check_pixels(array, pixels, name)
    array = np.ascontiguousarray(array, pixels.depth)  # in this machine's order of bytes
    if array.dtype == np.float32:
        require_numbers(array, name)
    return array


def fetched(picture: Picture) -> Picture:
    """The bytes of an https URL, an open file or a buffer; any other picture as it is."""
    if isinstance(picture, str) and '://' in picture:
        return download(picture)
    if isinstance(picture, io.TextIOBase):
        raise UserError("a picture is no text: open its file by open(path, 'rb')")
    if hasattr(picture, 'read'):
        return picture.read()
    return bytes(picture) if isinstance(picture, (bytearray, memoryview)) else picture


def swapped(picture: np.ndarray) -> np.ndarray:
    """Swap RGB and BGR of a picture (H, W, C), if it has at least three bands."""
    if picture.shape[2] == 3:  # OpenCV takes a tenth of NumPy's time
        return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    order = [2, 1, 0, *range(3, picture.shape[2])] if picture.shape[2] >= 3 else slice(None)
    return np.ascontiguousarray(picture[..., order])


def picture_pixels(path: str | Path) -> int:
    """Number of pixels of a picture by its header; 0 if that cannot be read."""
    try:
        with warnings.catch_warnings(), open_regular(path, 'image') as file:
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            width, height = Image.open(file).size
    except (UserError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 0
    return width * height


def from_pil(picture: Image.Image) -> np.ndarray:
    """Convert a PIL image to (H, W, 3) uint8 RGB; of 16-bit grey values the upper 8 bits.

    Raises:
        UserError: It holds floats or integers of 32 bits, for which it is not known what is white,
            or its file is broken.
    """
    mode = picture.mode
    # Old versions of Pillow open 16 bits of a PNG as mode I, too.
    if mode == 'F' or (mode == 'I' and picture.format in (None, 'TIFF')):
        raise UserError(
            f'a PIL image of mode {mode} has no white: give it as one of 8 bits (L or RGB)'
        )
    try:
        picture = ImageOps.exif_transpose(picture)
        array = np.array(picture if mode.startswith('I') else picture.convert('RGB'))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f'a PIL image cannot be read: {error}') from error
    if mode.startswith('I'):  # Pillow would cut values off at 255
        array = (array.clip(0, 65535) >> 8).astype(np.uint8)
    return from_array(array)


def from_array(array: np.ndarray) -> np.ndarray:
    """Convert an array (H, W, 3) or (H, W) of uint8 to (H, W, 3) RGB."""
    if array.dtype != np.uint8:
        raise UserError(f'an array of a picture is uint8 in 0..255, got {array.dtype}')
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, 2)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise UserError(f'an array of a picture is (H, W, 3) or (H, W), got {array.shape}')
    return np.ascontiguousarray(array)


def from_tensor(tensor: Tensor) -> np.ndarray:
    """Convert a tensor (3, H, W), uint8 or float in 0..1, to (H, W, 3) uint8 RGB."""
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise UserError(f'a tensor of a picture is (3, H, W), got {tuple(tensor.shape)}')
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        if not bool(((tensor >= 0) & (tensor <= 1)).all()):
            raise UserError('a float tensor of a picture lies in 0..1')
        tensor = (tensor.float() * 255).round().to(torch.uint8)
    return from_array(tensor.permute(1, 2, 0).numpy())


def download(url: str) -> bytes:
    """Download the file at an https address, of at most :data:`DOWNLOAD_LIMIT` bytes."""
    from mmdeeplab.fileio.download import fetch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'picture'
        fetch(url, path, max_size=DOWNLOAD_LIMIT, quiet=True)
        return path.read_bytes()
