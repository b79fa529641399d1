"""Decode uploaded pictures, or refuse them; nothing is decoded before its size is known."""

import io
import warnings

from PIL import Image

from mmdeeplab.serve.limits import MEGA, Refusal, RequestLimits

# Formats that browsers show, too. Pillow reads many more, some by programs outside (EPS).
FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'AVIF')


def readable() -> tuple[str, ...]:
    """The formats of :data:`FORMATS` that the installed Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def open_picture(data: bytes, limits: RequestLimits) -> Image.Image:
    """Read the header of a picture.

    Raises:
        Refusal: 400 if there are no bytes, 415 if they are not a picture, 413 if it is too large.
    """
    if not data:
        raise Refusal(400, 'the request holds no picture')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=readable())
    except Image.DecompressionBombError as error:
        raise Refusal(413, f'the picture has too many pixels, {most(limits)}') from error
    except Exception as error:  # a hostile file can make a decoder raise anything
        formats = ', '.join(readable())
        raise Refusal(415, f'this is not a picture that can be read; {formats} can') from error
    width, height = picture.size
    if width * height > limits.max_pixels:
        size = f'{width} x {height} pixels'
        raise Refusal(413, f'the picture has {size}, {most(limits)}; send a smaller one')
    return picture


def most(limits: RequestLimits) -> str:
    """The limit of pixels as text."""
    return f'at most {limits.max_pixels / MEGA:g} megapixels are taken'


def unpack(picture: Image.Image) -> Image.Image:
    """Decode the pixels of a picture.

    Raises:
        Refusal: 400 if the file is cut off or damaged.
    """
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception as error:
        raise Refusal(400, f'the {picture.format} picture is cut or damaged') from error
    return picture
