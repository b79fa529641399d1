"""One scene of the miniature VOC: which objects, where, and how they are painted."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeeplab.datasets.mini_voc.background import background, mix, pixel_grid
from mmdeeplab.datasets.mini_voc.classes import APPEARANCES, Appearance, object_colours
from mmdeeplab.datasets.mini_voc.shapes import FloatMap, Points, coverage
from mmdeeplab.datasets.mini_voc.silhouettes import SILHOUETTES
from mmdeeplab.datasets.mini_voc.textures import pattern, value_noise
from mmdeeplab.label_counts import IGNORE_INDEX

Label = NDArray[np.uint8]
Owner = NDArray[np.int16]
"""Object number (H, W) of each pixel, from 1 in drawing order; 0 is background."""

OBJECTS_PER_IMAGE = (2, 1, 3, 2, 4, 1, 2, 3)
"""How many objects images 0, 1, 2... of a split hold, over and over."""

DIAMETERS = {1: (0.65, 0.95), 2: (0.52, 0.75), 3: (0.45, 0.62), 4: (0.4, 0.55)}
"""Number of objects in an image to the range of their extent, as a share of the short side."""

MIN_VISIBLE = 0.65
"""Share of an object that has to stay in view, unless no try finds such a place."""

PLACEMENT_TRIES = 16
MAX_TURN = 40.0
TEXTURE_PERIOD = 9.0
"""Mean period of an object's texture in pixels."""


@dataclass(frozen=True)
class DrawnImage:
    """An image (H, W, 3) uint8 RGB and its label map (H, W) uint8 of 0..20 and 255."""

    image: NDArray[np.uint8]
    label: Label


@dataclass(frozen=True)
class _Placed:
    """An object's coverage (H, W) in 0..1 and the affine map (2, 3) from unit to pixels."""

    alpha: FloatMap
    to_image: Points


def scene_classes(seed: int, split: int, index: int) -> list[int]:
    """Return the label ids of the objects of an image: round-robin over shuffled classes.

    Every 20 objects of a split hold each class once, whatever the size of the split.
    """
    cycle = len(OBJECTS_PER_IMAGE)
    first = index // cycle * sum(OBJECTS_PER_IMAGE) + sum(OBJECTS_PER_IMAGE[: index % cycle])
    classes = []
    for place in range(first, first + OBJECTS_PER_IMAGE[index % cycle]):
        block, offset = divmod(place, len(APPEARANCES))
        order = np.random.default_rng([seed, split, block, 1]).permutation(len(APPEARANCES))
        classes.append(int(order[offset]) + 1)
    return classes


def draw_sample(seed: int, split: int, index: int, size: int) -> DrawnImage:
    """Draw an image, which depends on the arguments alone.

    Args:
        seed: Seed of the data set, not negative.
        split: 0 for train, 1 for val.
        index: Place of the image in its split, from 0.
        size: Long side in pixels; the short one has 3/4 of it or more.
    """
    rng = np.random.default_rng([seed, split, index])
    short = int(rng.integers(size * 3 // 4, size + 1))
    height, width = (short, size) if rng.random() < 0.5 else (size, short)
    image = background(rng, height, width)
    owner = np.zeros((height, width), np.int16)
    classes = scene_classes(seed, split, index)
    areas: list[int] = []
    for number, label in enumerate(classes, start=1):
        appearance = APPEARANCES[label]
        placed = _place(rng, appearance, owner, areas, len(classes))
        image = _paint(rng, image, appearance, placed)
        inside = placed.alpha >= 0.5
        areas.append(int(inside.sum()))
        owner[inside] = number
    return DrawnImage(_expose(rng, image), _label_map(owner, classes))


def _pose(rng: np.random.Generator, height: int, width: int, count: int) -> Points:
    """Return a random affine map (2, 3) from unit coordinates to pixels."""
    half = rng.uniform(*DIAMETERS[count]) * min(height, width) / 2
    angle = np.deg2rad(rng.uniform(-MAX_TURN, MAX_TURN))
    stretch = half * np.array([rng.choice([-1.0, 1.0]) * rng.uniform(0.9, 1.1), 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    margin = 0.75 * half
    centre = rng.uniform(margin, np.array([width, height]) - margin)
    pose: Points = np.concatenate([turn * stretch, centre[:, None]], 1)
    return pose


def _place(
    rng: np.random.Generator, appearance: Appearance, owner: Owner, areas: list[int], count: int
) -> _Placed:
    """Find a pose that hides little of the objects before; the best of some tries."""
    height, width = owner.shape
    best: _Placed | None = None
    best_score = -1.0
    for _ in range(PLACEMENT_TRIES):
        pose = _pose(rng, height, width, count)
        alpha = coverage(SILHOUETTES[appearance.name], pose, height, width)
        free = np.bincount(owner[alpha < 0.5], minlength=len(areas) + 1)[1:]
        score = min((float(f) / a for f, a in zip(free, areas, strict=True)), default=1.0)
        if score > best_score:
            best, best_score = _Placed(alpha, pose), score
        if score >= MIN_VISIBLE:
            break
    assert best is not None
    return best


def _paint(
    rng: np.random.Generator, image: FloatMap, appearance: Appearance, placed: _Placed
) -> FloatMap:
    """Lay an object and its soft shadow on the image (H, W, 3)."""
    height, width = placed.alpha.shape
    x, y = pixel_grid(height, width)
    linear = np.linalg.inv(placed.to_image[:, :2])
    dx, dy = x - placed.to_image[0, 2], y - placed.to_image[1, 2]
    u = (linear[0, 0] * dx + linear[0, 1] * dy).astype(np.float32)
    v = (linear[1, 0] * dx + linear[1, 1] * dy).astype(np.float32)
    half = float(np.sqrt(abs(np.linalg.det(placed.to_image[:, :2]))))
    periods = half / (TEXTURE_PERIOD * rng.uniform(0.85, 1.25))
    main, accent = object_colours(appearance, rng)
    body = mix(main, accent, pattern(appearance.texture, u * periods, v * periods, rng))
    tilt = rng.uniform(-0.12, 0.12, 2)
    shading = np.clip(1 + tilt[0] * u + tilt[1] * v, 0.8, 1.2).astype(np.float32)
    shadow = cv2.GaussianBlur(np.roll(placed.alpha, (3, 2), (0, 1)), (0, 0), 2.0)
    image = image * (1 - 0.35 * shadow[..., None])
    return mix(image, body * shading[..., None], placed.alpha)


def _expose(rng: np.random.Generator, image: FloatMap) -> NDArray[np.uint8]:
    """Light the scene unevenly, add sensor noise, and round to 0..255."""
    height, width = image.shape[:2]
    light = rng.uniform(0.85, 1.08) + 0.25 * (value_noise(rng, height, width, 1) - 0.5)
    noise = rng.normal(0, 0.015, image.shape).astype(np.float32)
    levels = np.clip(image * light[..., None] + noise, 0, 1) * 255
    return np.round(levels).astype(np.uint8)


def _label_map(owner: Owner, classes: list[int]) -> Label:
    """Turn object numbers (H, W) into label ids with a void border two pixels wide."""
    ids = np.array([0, *classes], np.uint8)[owner]
    window = np.ones((3, 3), np.uint8)
    ids[cv2.dilate(owner, window) != cv2.erode(owner, window)] = IGNORE_INDEX
    return ids
