"""Shapes that are masks: PNGs inside annotation files, or pictures beside them."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmdeeplab.datasets.annotations.shapes import check_box, placed

MAX_BYTES = 2**26  # of a compressed PNG in an annotation file
BROKEN = (
    *(binascii.Error, zlib.error, UnidentifiedImageError, OSError, SyntaxError),
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Bitmap:
    """A mask as a Base64 PNG, as labelme stores it; Supervisely compresses it once more."""

    data: str
    corner: tuple[int, int]

    def mask(self, height: int, width: int) -> np.ndarray:
        try:
            content = base64.b64decode(self.data, validate=True)
            if not content.startswith(b'\x89PNG'):
                content = zlib.decompressobj().decompress(content, MAX_BYTES)
            with Image.open(io.BytesIO(content)) as picture:
                check_box(self.corner, picture.size[::-1], (height, width))
                values = np.array(picture)
        except BROKEN as error:
            raise ValueError(f'its bitmap is broken ({error})') from error
        covered = values > 0 if values.ndim == 2 else values[..., -1] > 0
        return placed(covered, self.corner, (height, width))


@dataclass(frozen=True)
class ColourRegion:
    """The pixels of one colour of a mask in colours; ``known`` are all colours it may have."""

    path: Path
    colour: tuple[int, int, int]
    known: frozenset[tuple[int, int, int]]

    def mask(self, height: int, width: int) -> np.ndarray:
        colours = _coloured(self.path, self.known)
        red, green, blue = self.colour
        return placed(colours == (red << 16 | green << 8 | blue), (0, 0), (height, width))


@lru_cache(maxsize=1)  # an image's regions are filled one after the other
def _coloured(path: Path, known_colours: frozenset[tuple[int, int, int]]) -> np.ndarray:
    """Read a mask in colours as (H, W), each colour as one number."""
    try:
        with Image.open(path) as picture:
            channels = np.array(picture.convert('RGB')).astype(np.int32)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f'{path} cannot be read ({error})') from error
    colours = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
    allowed = {red << 16 | green << 8 | blue for red, green, blue in known_colours}
    if others := set(np.unique(colours).tolist()) - allowed:
        colour = min(others)
        raise ValueError(
            f'{path} has the colour {colour >> 16},{colour >> 8 & 255},{colour & 255}, '
            'which no class has'
        )
    return colours
