"""Brightness, contrast, saturation and hue in arithmetic of bytes."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeeplab.registry import TRANSFORMS

LEVELS = np.arange(256, dtype=np.uint8)
HUES = 180  # OpenCV's circle of hues in a byte
NEAR = 1e-4  # more than float32 rounds levels by


@TRANSFORMS.register_module()
class PhotometricDistortion(BaseTransform):
    """mmseg's ``PhotoMetricDistortion``: each of four distortions with probability 0.5.

    All arithmetic is on bytes, see :func:`shift`.

    Args:
        brightness_delta: Largest change of brightness, of 255.
        contrast_range: Smallest and largest factor.
        saturation_range: Smallest and largest factor.
        hue_delta: Largest change of the hue, of 180.
        exact: The same draws and pixels as mmseg's. Without it saturation and hue are changed in
            one visit to HSV instead of two, or none where colours only become paler, which rounds
            less.
    """

    def __init__(
        self,
        brightness_delta: float = 32,
        contrast_range: Sequence[float] = (0.5, 1.5),
        saturation_range: Sequence[float] = (0.5, 1.5),
        hue_delta: int = 18,
        exact: bool = True,
    ) -> None:
        self.brightness_delta, self.hue_delta = brightness_delta, hue_delta
        self.contrast_range = contrast_range
        self.saturation_range = saturation_range
        self.exact = exact

    def transform(self, results: dict) -> dict:
        before = []
        if np.random.randint(2):
            delta = np.random.uniform(-self.brightness_delta, self.brightness_delta)
            before = [Shift(delta=delta)]
        early = np.random.randint(2) == 1  # contrast comes before the colours, or after them
        if early:
            before += _factor(self.contrast_range)
        saturation, hue = _factor(self.saturation_range), self._hue()
        after = [] if early else _factor(self.contrast_range)
        image = shift(results['img'], before)
        if self.exact:
            image = in_hsv(image, None, saturation)
            image = in_hsv(image, hue, [])
        else:
            pale = hue is None and all(factor <= 1 for factor, _ in saturation)
            image = paler(image, saturation) if pale else in_hsv(image, hue, saturation)
        results['img'] = shift(image, after)
        return results

    def _hue(self) -> int | None:
        if not np.random.randint(2):
            return None
        return np.random.randint(-self.hue_delta, self.hue_delta)


class Shift(NamedTuple):
    """``level * factor + delta``."""

    factor: float = 1
    delta: float = 0


def _factor(limits: Sequence[float]) -> list[Shift]:
    low, high = limits
    return [Shift(np.random.uniform(low, high))] if np.random.randint(2) else []


def shift(image: np.ndarray, shifts: Sequence[Shift]) -> np.ndarray:
    """(H, W) or (H, W, C) uint8 after the shifts, each clipped and cut to whole levels in float32.

    By OpenCV's arithmetic, several times as fast as a table, where it surely gives the same.
    """
    for factor, delta in shifts:
        whole = math.floor(delta)
        if factor == 1 and delta - whole < 1 - NEAR:
            change = cv2.add if whole > 0 else cv2.subtract
            image = change(image, (float(abs(whole)),) * 4)  # type: ignore[call-overload]
        elif delta == 0 and factor > 0 and clear(factor):
            image = cv2.convertScaleAbs(image, alpha=factor, beta=-0.49995)  # rounds
        else:
            table = np.clip(LEVELS.astype(np.float32) * factor + delta, 0, 255)
            image = cv2.LUT(image, table.astype(np.uint8))
    return image


def clear(factor: float) -> bool:
    """Whether no level times the factor comes near a whole number, where rounding decides."""
    exact = LEVELS[1:] * factor
    below = exact[exact < LEVELS.size]
    return bool((np.abs(below - np.rint(below)) > NEAR).all())


def in_hsv(image: np.ndarray, hue: int | None, saturation: Sequence[Shift]) -> np.ndarray:
    """(H, W, 3) uint8 BGR with its hue turned and its saturation shifted."""
    if hue is None and not saturation:
        return image
    planes = list(cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV)))
    if hue is not None:
        planes[0] = cv2.LUT(planes[0], ((LEVELS.astype(int) + hue) % HUES).astype(np.uint8))
    planes[1] = shift(planes[1], saturation)
    return cv2.cvtColor(cv2.merge(planes), cv2.COLOR_HSV2BGR)


def paler(image: np.ndarray, saturation: Sequence[Shift]) -> np.ndarray:
    """(H, W, 3) uint8 with its saturation times factors of at most 1: nearer to the value, in HSV.

    The value is the largest of the three; the hue stays.
    """
    for factor, _ in saturation:
        blue, green, red = cv2.split(image)
        value = cv2.max(cv2.max(blue, green), red)
        grey = cv2.merge([value] * 3)
        image = cv2.addWeighted(image, factor, grey, 1 - factor, 0)
    return image
