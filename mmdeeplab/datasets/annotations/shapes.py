"""The polygons of annotation tools, and the pixels that they cover.

Each is filled as its own tool does it; the results differ by up to a pixel along the border:
pycocotools takes pixels whose centre is inside; Pillow (labelme) and OpenCV (Ultralytics,
Supervisely) also take those on the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image, ImageDraw

from mmdeeplab.errors import UserError

Ring = tuple[float, ...]
"""x, y, x, y... in pixels, 0 at the left or upper edge of the first pixel."""


class Shape(Protocol):
    """An area of a picture."""

    def mask(self, height: int, width: int) -> np.ndarray:
        """The pixels of the area, (height, width) bool.

        Raises:
            ValueError: The shape is broken or lies outside the picture.
        """
        ...


@dataclass(frozen=True)
class Polygons:
    """The polygons of one object, filled by pycocotools: pixels whose centre is inside."""

    rings: tuple[Ring, ...]

    def mask(self, height: int, width: int) -> np.ndarray:
        require_near(self.rings, height, width)
        coco = pycocotools()
        runs = coco.frPyObjects([list(ring) for ring in self.rings], height, width)
        return coco.decode(coco.merge(runs)).astype(bool)


@dataclass(frozen=True)
class PillowPolygon:
    """A ``polygon``, or a ``rectangle`` or ``ellipse`` given by its box, as labelme draws it."""

    ring: Ring
    kind: str = 'polygon'

    def mask(self, height: int, width: int) -> np.ndarray:
        require_near((self.ring,), height, width)
        picture = Image.new('L', (width, height))
        draw = ImageDraw.Draw(picture)
        draw_by_kind: dict[str, Any] = dict(
            polygon=draw.polygon, rectangle=draw.rectangle, ellipse=draw.ellipse
        )
        draw_by_kind[self.kind](self.ring, fill=1, outline=1)
        return np.array(picture, bool)


@dataclass(frozen=True)
class OpenCVPolygon:
    """A polygon with holes, its corners truncated to whole pixels, as Ultralytics fills it."""

    ring: Ring
    holes: tuple[Ring, ...] = ()

    def mask(self, height: int, width: int) -> np.ndarray:
        require_near((self.ring,), height, width)
        filled = np.zeros((height, width), np.uint8)
        for ring, value in ((self.ring, 1), *((hole, 0) for hole in self.holes)):
            corners = np.array(ring, np.float32).reshape(-1, 2).astype(np.int32)
            cv2.fillPoly(filled, [corners], value)
        return filled.astype(bool)


@dataclass(frozen=True)
class ShareOfPicture:
    """A polygon whose coordinates are fractions of the width and height (Ultralytics)."""

    ring: Ring

    def mask(self, height: int, width: int) -> np.ndarray:
        scale = np.array([width, height], np.float32)
        corners = np.array(self.ring, np.float32).reshape(-1, 2) * scale
        return OpenCVPolygon(tuple(corners.ravel().tolist())).mask(height, width)


def pycocotools() -> Any:
    """Import pycocotools' module for polygons and RLE.

    Raises:
        UserError: It is not installed.
    """
    try:
        from pycocotools import mask
    except ImportError as error:
        raise UserError(
            'polygons of COCO, CVAT, Label Studio and Datumaro are filled by pycocotools, which is '
            "not installed: pip install 'mmdeeplab[annotations]', or pip install pycocotools"
        ) from error
    return mask


def require_near(rings: Sequence[Ring], height: int, width: int) -> None:
    """Refuse polygons that cannot be meant for a picture; small parts outside are cut off.

    Raises:
        ValueError: A polygon lies outside the picture, or reaches beyond it by more than its size,
            as coordinates on another scale do.
    """
    for ring in rings:
        left, right, top, bottom = min(ring[::2]), max(ring[::2]), min(ring[1::2]), max(ring[1::2])
        outside = right < 0 or bottom < 0 or left > width or top > height
        far = left < -width or right > 2 * width or top < -height or bottom > 2 * height
        if outside or far:
            raise ValueError(
                f'it {"lies" if outside else "reaches far"} outside of the picture of {width} x '
                f'{height} pixels, from ({left:g}, {top:g}) to ({right:g}, {bottom:g})'
            )


def placed(box: np.ndarray, corner: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Place a bool box (h, w) with its upper left ``corner`` (left, top) in a mask of ``size``.

    Raises:
        ValueError: The box does not lie inside.
    """
    check_box(corner, box.shape, size)
    left, top = corner
    whole = np.zeros(size, bool)
    whole[top : top + box.shape[0], left : left + box.shape[1]] = box
    return whole


def check_box(corner: tuple[int, int], box: tuple[int, ...], size: tuple[int, int]) -> None:
    """Refuse a box (h, w) at ``corner`` (left, top) that does not lie inside ``size``.

    Raises:
        ValueError: The box does not lie inside.
    """
    left, top = corner
    bottom, right = top + box[0], left + box[1]
    if left < 0 or top < 0 or bottom > size[0] or right > size[1]:
        raise ValueError(
            f'its mask covers ({left}, {top}) to ({right}, {bottom}), the picture is {size[1]} x '
            f'{size[0]} pixels large'
        )
