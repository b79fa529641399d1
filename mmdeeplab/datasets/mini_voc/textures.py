"""Two-tone textures of the miniature VOC: maps of 0..1 over object coordinates."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.floating[Any]]

Pattern = Callable[[FloatMap, FloatMap], FloatMap]
"""From texture coordinates u, v (H, W), one period a unit, to the share of accent colour."""


def _soft(signed: FloatMap, edge: float = 0.3) -> FloatMap:
    """Turn a signed map into 0..1 with a soft edge of the given width about zero."""
    softened: FloatMap = np.clip(signed / edge + 0.5, 0.0, 1.0)
    return softened


def _wave(u: FloatMap) -> FloatMap:
    wave: FloatMap = np.sin(2 * np.pi * u)
    return wave


def _saw(u: FloatMap) -> FloatMap:
    """Triangle wave of period 1 in 0..1."""
    return np.abs(2 * (u - np.floor(u)) - 1)


def _offcentre(u: FloatMap, v: FloatMap) -> FloatMap:
    """Distance to the centre of the unit cell, odd rows moved by half a cell."""
    row = np.floor(v)
    shifted = u + 0.5 * (row % 2)
    distance: FloatMap = np.hypot(shifted - np.floor(shifted) - 0.5, v - row - 0.5)
    return distance


def _scales(u: FloatMap, v: FloatMap) -> FloatMap:
    distance = _offcentre(u, v)
    return _soft(0.14 - np.abs(distance - 0.42), 0.12)


def _blotches(u: FloatMap, v: FloatMap) -> FloatMap:
    field = _wave(0.5 * u + 0.3 * _wave(0.37 * v)) + _wave(0.55 * v + 0.3 * _wave(0.41 * u))
    return _soft(field - 0.25, 0.4)


def _planks(u: FloatMap, v: FloatMap) -> FloatMap:
    row = np.floor(v)
    joint = _saw(0.5 * u + 0.5 * (row % 2))
    return np.maximum(_soft(_saw(v) - 0.7, 0.2), _soft(joint - 0.85, 0.15))


PATTERNS: dict[str, Pattern] = {
    'plain': lambda u, v: _soft(v, 8.0),
    'stripes': lambda u, v: _soft(_wave(u), 0.6),
    'checks': lambda u, v: _soft(_wave(0.6 * u) * _wave(0.6 * v), 0.3),
    'dots': lambda u, v: _soft(0.3 - _offcentre(u, v), 0.15),
    'rings': lambda u, v: _soft(_wave(np.hypot(u, v)), 0.6),
    'grid': lambda u, v: _soft(np.maximum(_saw(u), _saw(v)) - 0.68, 0.2),
    'zigzag': lambda u, v: _soft(_wave(v + 0.5 * _saw(u)), 0.6),
    'scales': _scales,
    'blotches': _blotches,
    'planks': _planks,
}


def pattern(name: str, u: FloatMap, v: FloatMap, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a texture with random phase.

    Args:
        name: Key of ``PATTERNS``.
        u: (H, W) texture coordinates, one period a unit.
        v: (H, W) texture coordinates downwards.
        rng: Source of the phase.

    Returns:
        (H, W) share of the accent colour, 0..1.
    """
    du, dv = rng.uniform(-0.5, 0.5, 2)
    return PATTERNS[name](u + np.float32(du), v + np.float32(dv)).astype(np.float32)


def value_noise(
    rng: np.random.Generator, height: int, width: int, cells: int
) -> NDArray[np.float32]:
    """Return smooth noise (height, width) in 0..1 with about ``cells`` lumps a side."""
    lattice = rng.random((cells + 1, cells + 1), np.float32)
    smooth = cv2.resize(lattice, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0.0, 1.0)
