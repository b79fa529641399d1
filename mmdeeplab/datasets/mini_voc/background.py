"""Cluttered, nearly colourless backgrounds of the miniature VOC."""

import cv2
import numpy as np

from mmdeeplab.datasets.mini_voc.classes import Colour, grey, lab_to_rgb
from mmdeeplab.datasets.mini_voc.shapes import FloatMap, Part, Points, box, coverage, oval
from mmdeeplab.datasets.mini_voc.textures import PATTERNS, pattern, value_noise


def mix(first: FloatMap | Colour, second: FloatMap | Colour, share: FloatMap) -> FloatMap:
    """Blend two colours or images, (3,) or (H, W, 3), by the (H, W) share of the second."""
    blended: FloatMap = first + (second - first) * share[..., None]
    return blended


def pixel_grid(height: int, width: int) -> tuple[FloatMap, FloatMap]:
    """Return x and y (height, width) of the pixel centres, in pixels."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x + 0.5, y + 0.5


def background(rng: np.random.Generator, height: int, width: int) -> FloatMap:
    """Draw a background: mottled gradient, textured grey patches, thin coloured lines, confetti.

    Returns:
        (height, width, 3) sRGB in 0..1.
    """
    image = mix(grey(rng), grey(rng), value_noise(rng, height, width, int(rng.integers(2, 5))))
    image = mix(image, grey(rng), 0.5 * value_noise(rng, height, width, 2) ** 2)
    for _ in range(rng.integers(3, 7)):
        image = _patch(rng, image)
    image = _lines(rng, image, int(rng.integers(3, 7)))
    image = _confetti(rng, image, int(rng.integers(3, 9)))
    grain = value_noise(rng, height, width, max(height, width) // 3) - 0.5
    return image + 0.1 * grain[..., None]


def _outline(rng: np.random.Generator) -> Part:
    outline = rng.integers(3)
    if outline == 0:
        return oval(0, 0, 1, rng.uniform(0.3, 1))
    if outline == 1:
        aspect = rng.uniform(0.2, 1)
        return box(-1, -aspect, 1, aspect, rng.uniform(0, 0.4))
    angle = np.sort(rng.uniform(0, 2 * np.pi, 7))
    radius = rng.uniform(0.4, 1, 7)
    return Part(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1))


def _patch(rng: np.random.Generator, image: FloatMap) -> FloatMap:
    """Lay one grey textured patch, which looks like an object but for its hue, on the image."""
    height, width = image.shape[:2]
    half = rng.uniform(0.12, 0.35) * min(height, width)
    angle = rng.uniform(0, 2 * np.pi)
    turn = half * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = rng.uniform(0, 1, 2) * (width, height)
    to_image: Points = np.concatenate([turn, centre[:, None]], 1)
    alpha = coverage((_outline(rng),), to_image, height, width) * rng.uniform(0.5, 1)
    x, y = pixel_grid(height, width)
    name = str(rng.choice(list(PATTERNS)))
    period = rng.uniform(7, 14)
    u = (np.cos(angle) * x + np.sin(angle) * y) / period
    v = (np.cos(angle) * y - np.sin(angle) * x) / period
    texture = pattern(name, u.astype(np.float32), v.astype(np.float32), rng)
    return mix(image, mix(grey(rng), grey(rng), texture), alpha)


def _lines(rng: np.random.Generator, image: FloatMap, count: int) -> FloatMap:
    """Draw thin curved lines of any hue."""
    height, width = image.shape[:2]
    for _ in range(count):
        ends = rng.uniform(-0.1, 1.1, (3, 2)) * (width, height)
        t = np.linspace(0, 1, 16)[:, None]
        curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t**2 * ends[2]
        ink = np.zeros((height, width), np.uint8)
        cv2.polylines(ink, [np.round(curve * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4)
        image = mix(image, _loud(rng, 30), (ink / 255).astype(np.float32))
    return image


def _confetti(rng: np.random.Generator, image: FloatMap, count: int) -> FloatMap:
    """Sprinkle small coloured discs, too small to be objects."""
    height, width = image.shape[:2]
    for _ in range(count):
        x, y = (int(c) for c in np.round(rng.uniform(0, 1, 2) * (width, height) * 16))
        ink = np.zeros((height, width), np.uint8)
        cv2.circle(ink, (x, y), int(rng.uniform(0.8, 2.0) * 16), 255, -1, cv2.LINE_AA, 4)
        image = mix(image, _loud(rng, 50), (ink / 255).astype(np.float32))
    return image


def _loud(rng: np.random.Generator, chroma: float) -> Colour:
    """Return a random colour (3,), sRGB in 0..1, of at most the given chroma."""
    return lab_to_rgb(rng.uniform(35, 80), rng.uniform(0, chroma), rng.uniform(0, 360))
