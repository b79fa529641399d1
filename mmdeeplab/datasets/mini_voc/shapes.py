"""Polygon parts, from which the miniature VOC builds its silhouettes, and their rasteriser.

Coordinates are unit ones: x to the right, y down, the object inside [-1, 1] x [-1, 1]. Later parts
are drawn over earlier ones; a ``cut`` part erases.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
FloatMap = NDArray[np.float32]

SUPERSAMPLE = 4
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Part:
    """One polygon: ``points`` (N, 2) in unit coordinates, added or cut away."""

    points: Points
    cut: bool = False


def poly(*points: tuple[float, float]) -> Part:
    """Return the polygon through the given corners."""
    return Part(np.array(points, np.float64))


def box(x0: float, y0: float, x1: float, y1: float, slope: float = 0.0) -> Part:
    """Return a box; ``slope`` moves the two top corners inwards."""
    return poly((x0 + slope, y0), (x1 - slope, y0), (x1, y1), (x0, y1))


def oval(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0) -> Part:
    """Return an ellipse about (x, y), turned by ``turn`` degrees; a circle without ``ry``."""
    angle = np.linspace(0.0, 2 * np.pi, 40, endpoint=False)
    curve = np.stack([rx * np.cos(angle), (rx if ry is None else ry) * np.sin(angle)], 1)
    cos, sin = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    return Part(curve @ np.array([[cos, sin], [-sin, cos]]) + (x, y))


def bar(x0: float, y0: float, x1: float, y1: float, width: float = 0.22) -> Part:
    """Return a straight bar of the given width between two points."""
    along = np.array([x1 - x0, y1 - y0])
    side = np.array([-along[1], along[0]]) * (width / 2 / np.hypot(*along))
    ends = np.array([[x0, y0], [x1, y1]])
    return Part(np.concatenate([ends + side, (ends - side)[::-1]]))


def cut(part: Part) -> Part:
    """Return ``part`` as one that erases."""
    return Part(part.points, cut=True)


def wheel(x: float, y: float, radius: float) -> tuple[Part, Part]:
    """Return a ring: a disc and the hole in it, half as wide."""
    return oval(x, y, radius), cut(oval(x, y, radius * 0.5))


def coverage(parts: tuple[Part, ...], to_image: Points, height: int, width: int) -> FloatMap:
    """Rasterise a silhouette with anti-aliased edges.

    Args:
        parts: Polygons in unit coordinates.
        to_image: (2, 3) affine map from unit coordinates to pixels (pixel corner at integers).
        height: Rows of the image.
        width: Columns of the image.

    Returns:
        (height, width) share of each pixel the object covers, 0..1.
    """
    fine = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE), np.uint8)
    for part in parts:
        pixels = (part.points @ to_image[:, :2].T + to_image[:, 2]) * SUPERSAMPLE - 0.5
        corners = np.round(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(fine, [corners], 0 if part.cut else 255, shift=_SUBPIXEL_BITS)
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return coarse.astype(np.float32) / 255.0
