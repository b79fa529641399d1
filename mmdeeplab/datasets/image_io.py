"""Decode images; every error names the file.

Training and the check of a data set (:mod:`mmdeeplab.datasets.check`) use the same functions, so
training can read whatever passes the check. Every error has an attribute ``fault``, a key of
:data:`mmdeeplab.datasets.check.faults.FAULTS`.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mmdeeplab.command_names import tool
from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.stored_kind import check_kind, stored_shape
from mmdeeplab.errors import UserError, bad_data
from mmdeeplab.fileio import input_files

MAX_PIXELS = 2**27
"""Larger pictures (134 million pixels) are refused by their header, before they fill the memory."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what makes the picture upright; those from 5 on swap width and height."""
HEIC = tuple(b'ftyp' + brand for brand in (b'heic', b'heix', b'heim', b'heis', b'mif1', b'msf1'))
"""How such files begin, behind four bytes; AVIF has other brands."""
_WIDTH, _HEIGHT, _ORIENTATION, _EXTRA = 0x0100, 0x0101, 0x0112, 0x0152  # tags of EXIF and TIFF
_LAST_BYTES = {'PNG': b'IEND', 'JPEG': b'\xff\xd9'}  # a file without its end was cut


@dataclass(frozen=True)
class Header:
    """The header of a picture: format, PIL mode, size as stored, EXIF orientation (1 to 8).

    OpenCV misreads AVIF, which it does not turn, and TIFFs with a free alpha, by which it
    multiplies the colours.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int
    misread: bool = False

    @property
    def swaps(self) -> bool:
        """Whether turning the picture upright swaps its width and height."""
        return self.orientation >= 5


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as (H, W, 3) uint8, BGR, rotated as its EXIF tag says.

    Grey, CMYK, 16-bit and other images are converted.

    Raises:
        UserError: The file is missing, empty, cut, too large or no picture.
    """
    return decode_image(read_bytes(path, 'image'), path)[1]


def decode_image(data: bytes, path: str | Path) -> tuple[Header, np.ndarray]:
    """Decode a file's bytes: the header, and the image (H, W, 3) uint8, BGR."""
    header = read_header(data, path, 'image')
    not_bytes = header.format == 'TIFF' and header.mode in ('I', 'F')
    if not_bytes and (error := _of_kind(data, path)):
        raise error  # OpenCV would read int16 as black
    image = None if header.misread else opencv_pixels(data, cv2.IMREAD_COLOR)
    if image is None and header.format in ('AVIF', 'TIFF') and not header.mode.startswith('I'):
        return header, _decoded_by_pillow(data, path)
    if image is None:
        raise bad_data(
            'unreadable',
            f'the image {path} is broken: {len(data)} bytes that start as {header.format} and '
            'cannot be decoded',
        )
    return header, image


def _decoded_by_pillow(data: bytes, path: str | Path) -> np.ndarray:
    """The image (H, W, 3) uint8, BGR, turned as its header says."""
    try:
        with quietly_opened(data) as picture:
            rgb = ImageOps.exif_transpose(picture).convert('RGB')
    except (OSError, SyntaxError, ValueError) as error:
        raise bad_data(
            'unreadable', f'the image {path} is broken and cannot be decoded: {error}'
        ) from error
    return cv2.cvtColor(np.asarray(rgb), cv2.COLOR_RGB2BGR)


def opencv_pixels(data: bytes, flags: int) -> np.ndarray | None:
    """Decode a file's bytes by OpenCV; None where it cannot, for whatever reason."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # sizes in the file that it did not expect
        return None


def not_rgb(pixels: Pixels) -> str:
    """The sentence that tells why an image is not read as RGB of 8 bits, and the way out."""
    return (
        f'has {pixels}, which are not RGB of 8 bits; {pixels.step} in the config reads them as '
        f'they are, and {tool("new_config")} writes such a config'
    )


def _of_kind(data: bytes, path: object) -> UserError | None:
    """The error that tells bands and depth of a PNG, TIFF or NPY, or why it is broken."""
    try:
        if shape_and_type := stored_shape(data, path):
            pixels = check_kind(*shape_and_type, path)
            return bad_data('unreadable', f'the image {path} {not_rgb(pixels)}')
    except UserError as error:
        return error
    return None


def read_bands(path: str | Path, bands: int) -> np.ndarray:
    """Read an image as (H, W, bands) uint8, the first three bands as BGR; no EXIF rotation.

    Raises:
        UserError: The file is broken, has other bands, or more than 8 bits.
    """
    data = read_bytes(path, 'image')
    read_header(data, path, 'image')
    return decode_bands(data, bands, path)


def decode_bands(data: bytes, bands: int, name: object) -> np.ndarray:
    """Decode a file's bytes as (H, W, bands) uint8, see :func:`read_bands`."""
    image = opencv_pixels(data, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise bad_data('unreadable', f'the image {name} is broken and cannot be decoded')
    image = image.reshape(*image.shape[:2], -1)
    if image.shape[2] != bands or image.dtype != np.uint8:
        raise UserError(
            f'the image {name} has {image.shape[2]} bands of {image.dtype}; the network takes '
            f'{bands} of uint8'
        )
    return image


def read_bytes(path: str | Path, file_role: str) -> bytes:
    """Read a file; ``file_role``, 'image' or 'mask', is for the message of an error."""
    data = input_files.read_bytes(path, file_role)
    if not data:
        raise bad_data('empty-file', f'the {file_role} {path} is empty: it has 0 bytes')
    return data


def read_header(data: bytes, path: str | Path, file_role: str) -> Header:
    """Read a picture's header, and check that the end of the file is there."""
    header = _header(data, path, file_role)
    check_pixel_count(header.height, header.width, file_role, path)
    if data.rfind(_LAST_BYTES.get(header.format, b'')) < 0:
        raise bad_data(
            'truncated',
            f'the {file_role} {path} is cut: {len(data)} bytes, the end of it is missing',
        )
    return header


def check_pixel_count(height: int, width: int, file_role: str, path: object) -> None:
    """Refuse a picture of too many pixels, before it is decoded and fills the memory."""
    if width * height > MAX_PIXELS:
        raise bad_data(
            'too-large',
            f'the {file_role} {path} is too large: {width}x{height} pixels, at most '
            f'{MAX_PIXELS:,} are decoded',
        )


def _header(data: bytes, path: str | Path, file_role: str) -> Header:
    try:
        with quietly_opened(data) as picture:
            format = 'JPEG' if picture.format == 'MPO' else str(picture.format)  # MPO: two JPEGs
            tagged = format in ('JPEG', 'TIFF') or 'exif' in picture.info
            tags = picture.getexif() if tagged else {}
            turn = tags.get(_ORIENTATION, 1)
            turn = turn if turn in range(1, 9) else 1
            width, height = picture.size
            if format == 'TIFF':  # Pillow tells the size of the upright picture
                width, height = tags[_WIDTH], tags[_HEIGHT]
            misread = format == 'AVIF' or (picture.mode == 'RGBA' and tags.get(_EXTRA) == 2)
            return Header(
                format, picture.mode, width=width, height=height, orientation=turn, misread=misread
            )
    except Image.DecompressionBombError as error:
        raise bad_data('too-large', f'the {file_role} {path} is too large: {error}') from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        if file_role == 'image' and (known := _of_kind(data, path)) and known.fault:
            raise known from error
        raise bad_data(
            'unreadable',
            f'the {file_role} {path} is not a picture{_guess(data)} ({len(data)} bytes)',
        ) from error


def _guess(data: bytes) -> str:
    """Words about what is often taken for a picture."""
    if data[:200].lstrip().lower().startswith((b'<!doctype', b'<html', b'<?xml')):
        return ' but a web page'
    if data[4:12] in HEIC:
        return ' that is read here but HEIC, as of an iPhone: save it as JPEG'
    return ''


def quietly_opened(data: bytes) -> Image.Image:
    """Open a picture's bytes without Pillow's warning about many pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)  # MAX_PIXELS decides
        return Image.open(io.BytesIO(data))
