"""Hue, tone, texture and colours of the twenty object classes of the miniature VOC.

Hues are CIELAB hue angles, one class every 18 degrees. Neighbours on the wheel differ in tone
(light or dark), in texture and in silhouette as well, so that they are told apart by more than hue.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mmdeeplab.visualization.voc_palette import VOC_CLASSES

Colour = NDArray[np.float32]

HUE_STEP = 18.0
"""Degrees of CIELAB hue between two classes."""

HUE_JITTER = 5.0
"""Largest turn of one object's hue, in degrees."""

LIGHT, DARK = (76.0, 60.0), (50.0, 33.0)
"""CIELAB lightness of the main and the accent colour of either tone, 0..100."""

MAX_CHROMA = 72.0


@dataclass(frozen=True)
class Appearance:
    """The appearance of an object class.

    Attributes:
        name: VOC class name, which is also the silhouette's.
        hue: CIELAB hue angle in degrees.
        tone: Lightness of the main and the accent colour.
        texture: Name of a pattern in :mod:`mmdeeplab.datasets.mini_voc.textures`.
    """

    name: str
    hue: float
    tone: tuple[float, float]
    texture: str


# class: place on the hue wheel, texture
_TABLE: dict[str, tuple[int, str]] = {
    'aeroplane': (14, 'stripes'),
    'bicycle': (12, 'plain'),
    'bird': (5, 'scales'),
    'boat': (16, 'planks'),
    'bottle': (8, 'rings'),
    'bus': (2, 'checks'),
    'car': (3, 'plain'),
    'cat': (4, 'zigzag'),
    'chair': (19, 'grid'),
    'cow': (0, 'blotches'),
    'diningtable': (6, 'planks'),
    'dog': (17, 'blotches'),
    'horse': (18, 'stripes'),
    'motorbike': (10, 'checks'),
    'person': (1, 'dots'),
    'pottedplant': (7, 'scales'),
    'sheep': (11, 'dots'),
    'sofa': (15, 'zigzag'),
    'train': (9, 'grid'),
    'tvmonitor': (13, 'rings'),
}

APPEARANCES: dict[int, Appearance] = {
    label: Appearance(VOC_CLASSES[label], place * HUE_STEP, LIGHT if place % 2 else DARK, texture)
    for label, (place, texture) in enumerate(_TABLE.values(), start=1)
}
"""Label id 1..20 to the appearance of its class."""


def lab_to_rgb(lightness: float, chroma: float, hue: float) -> Colour:
    """Return the sRGB colour (3,) in 0..1 of a CIELAB lightness, chroma and hue (degrees)."""
    angle = np.deg2rad(hue)
    lab = np.array([[[lightness, chroma * np.cos(angle), chroma * np.sin(angle)]]], np.float32)
    rgb: Colour = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)[0, 0]
    return rgb


@cache
def max_chroma(lightness: float, hue: int) -> float:
    """Return the largest CIELAB chroma up to ``MAX_CHROMA`` that sRGB can show."""
    for chroma in np.arange(MAX_CHROMA, 0, -2.0):
        rgb = lab_to_rgb(lightness, float(chroma), float(hue))
        lab = cv2.cvtColor(rgb[None, None], cv2.COLOR_RGB2Lab)[0, 0]
        if abs(float(np.hypot(lab[1], lab[2])) - chroma) < 1 and abs(lab[0] - lightness) < 1:
            return float(chroma)
    return 0.0


def object_colours(appearance: Appearance, rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Return the main and the accent colour of one object, (3,) sRGB in 0..1 each.

    Hue, lightness and chroma are jittered, the same way for both.
    """
    hue = appearance.hue + rng.uniform(-HUE_JITTER, HUE_JITTER)
    lift, fade = rng.uniform(-4, 4), rng.uniform(0.85, 1.0)
    main, accent = (
        lab_to_rgb(tone + lift, fade * max_chroma(tone, round(appearance.hue)), hue)
        for tone in appearance.tone
    )
    return main, accent


def grey(rng: np.random.Generator, chroma: float = 10.0) -> Colour:
    """Return a desaturated random colour (3,), sRGB in 0..1, of at most the given chroma."""
    return lab_to_rgb(rng.uniform(25, 85), rng.uniform(0, chroma), rng.uniform(0, 360))
