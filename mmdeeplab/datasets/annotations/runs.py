"""Decode the run-length encodings (RLE) of annotation tools to masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdeeplab.datasets.annotations.shapes import check_box, placed


@dataclass(frozen=True)
class ColumnRuns:
    """COCO's RLE: run lengths down the columns, as a list or as COCO's text."""

    counts: tuple[int, ...] | str
    size: tuple[int, int]

    def mask(self, height: int, width: int) -> np.ndarray:
        if self.size != (height, width):
            raise ValueError(_other_size(self.size, height, width))
        counts = text_counts(self.counts) if isinstance(self.counts, str) else self.counts
        return runs(counts, height * width).reshape(width, height).T


@dataclass(frozen=True)
class RowRuns:
    """CVAT's RLE: run lengths along the rows of a box.

    Attributes:
        counts: Numbers of pixels outside, inside, outside, ... in turn.
        corner: (left, top) of the box.
        size: (height, width) of the box.
    """

    counts: tuple[int, ...]
    corner: tuple[int, int]
    size: tuple[int, int]

    def mask(self, height: int, width: int) -> np.ndarray:
        check_box(self.corner, self.size, (height, width))
        box = runs(self.counts, self.size[0] * self.size[1]).reshape(self.size)
        return placed(box, self.corner, (height, width))


@dataclass(frozen=True)
class BrushRuns:
    """Label Studio's RLE of a brush: packed RGBA values, of which A tells what was painted."""

    data: bytes
    size: tuple[int, int]

    def mask(self, height: int, width: int) -> np.ndarray:
        if self.size != (height, width):
            raise ValueError(_other_size(self.size, height, width))
        alpha = brush_values(self.data, height * width * 4)[3::4]
        return (alpha > 0).reshape(height, width)


def text_counts(text: str) -> list[int]:
    """Run lengths from COCO's text: ``rleFrString`` of pycocotools' ``maskApi.c``.

    A number has 5 bits a character, the lowest first; a sixth bit says that more follow. From the
    fourth on, numbers are differences to the last but one. pycocotools itself does not notice where
    a text ends too early, and gives random pixels.

    Raises:
        ValueError: The text has other characters, or ends within a number.
    """
    counts: list[int] = []
    number = shift = 0
    for character in text:
        piece = ord(character) - 48
        if not 0 <= piece < 64:
            raise ValueError(f'the RLE is broken: it has the character {character!a}')
        number |= (piece & 31) << shift
        shift += 5
        if piece & 32:
            continue
        number -= (piece >> 4 & 1) << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number = shift = 0
    if shift:
        raise ValueError('the RLE is cut off')
    return counts


def runs(counts: Sequence[int], pixels: int) -> np.ndarray:
    """A bool array (pixels,) from the lengths of runs of False, True, False, ... in turn.

    Raises:
        ValueError: The lengths do not add up to ``pixels``.
    """
    if min(counts, default=0) < 0 or sum(counts) != pixels:
        raise ValueError(f'the RLE is of {sum(counts)} pixels, not {pixels}')
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts)


def _other_size(size: tuple[int, int], height: int, width: int) -> str:
    return f'the RLE is of {size[1]} x {size[0]} pixels, the picture of {width} x {height}'


def brush_values(data: bytes, count: int) -> np.ndarray:
    """Unpack the RLE of Label Studio's brush (``rle-pack`` of thi.ng's umbrella).

    The header has the number of values (32 bits), their width - 1 (5 bits), and four widths - 1 of
    run lengths (4 bits each). A run has a bit that tells whether one value is repeated, 2 bits that
    choose the width of its length, the length - 1, and the value or values.

    Args:
        data: The packed bytes.
        count: Number of values that are expected.

    Returns:
        (count,) uint8.

    Raises:
        ValueError: The bytes are of another form or have another number of values.
    """
    position, total = 0, len(data) * 8

    def take(width: int) -> int:
        nonlocal position
        position += width
        if position > total:
            raise ValueError('the RLE of the brush is cut off')
        start = (position - width) // 8
        piece = int.from_bytes(data[start : (position + 7) // 8], 'big')
        return piece >> (-position % 8) & ((1 << width) - 1)

    value_count, width = take(32), take(5) + 1
    widths = [take(4) + 1 for _ in range(4)]
    if value_count != count:
        raise ValueError(f'the RLE of the brush has {value_count} values, {count} are expected')
    values = np.zeros(count, np.uint8)
    filled = 0
    while filled < count:
        repeated = take(1)
        end = min(filled + take(widths[take(2)]) + 1, count)
        values[filled:end] = take(width) if repeated else [take(width) for _ in range(filled, end)]
        filled = end
    return values
