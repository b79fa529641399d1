"""Brightness, contrast, saturation and hue by tables of 256 entries."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmdeeplab.registry import TRANSFORMS

LEVELS = np.arange(256, dtype=np.uint8)
HUES = 180  # OpenCV's circle of hues in a byte


@TRANSFORMS.register_module()
class PhotometricDistortion(BaseTransform):
    """mmseg's ``PhotoMetricDistortion``: each of four distortions with probability 0.5.

    What acts on each byte alone is looked up in a table, and tables in a row become one.

    Args:
        brightness_delta: Largest change of brightness, of 255.
        contrast_range: Smallest and largest factor.
        saturation_range: Smallest and largest factor.
        hue_delta: Largest change of the hue, of 180.
        exact: The same draws and pixels as mmseg's. Without it saturation and hue are changed in
            one visit to HSV instead of two, which rounds once less.
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
        before = LEVELS
        if np.random.randint(2):
            delta = np.random.uniform(-self.brightness_delta, self.brightness_delta)
            before = shifted(1, delta)
        early = np.random.randint(2) == 1  # contrast comes before the colours, or after them
        if early:
            before = self._contrast()[before]
        saturation, hue = self._saturation(), self._hue()
        after = LEVELS if early else self._contrast()
        if saturation is hue is LEVELS:
            before, after = after[before], LEVELS
        image = look_up(results['img'], before)
        if self.exact:
            image = in_hsv(image, LEVELS, saturation)
            image = in_hsv(image, hue, LEVELS)
        else:
            image = in_hsv(image, hue, saturation)
        results['img'] = look_up(image, after)
        return results

    def _contrast(self) -> np.ndarray:
        if not np.random.randint(2):
            return LEVELS
        low, high = self.contrast_range
        return shifted(np.random.uniform(low, high))

    def _saturation(self) -> np.ndarray:
        if not np.random.randint(2):
            return LEVELS
        low, high = self.saturation_range
        return shifted(np.random.uniform(low, high))

    def _hue(self) -> np.ndarray:
        if not np.random.randint(2):
            return LEVELS
        change = np.random.randint(-self.hue_delta, self.hue_delta)
        return ((LEVELS.astype(int) + change) % HUES).astype(np.uint8)


def shifted(factor: float = 1, delta: float = 0) -> np.ndarray:
    """Table (256) of ``level * factor + delta``, clipped and cut to whole levels, in float32."""
    table = LEVELS.astype(np.float32) * factor + delta
    return np.clip(table, 0, 255).astype(np.uint8)


def look_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(H, W, C) uint8 through one table."""
    return image if table is LEVELS else cv2.LUT(image, table)


def in_hsv(image: np.ndarray, hue: np.ndarray, saturation: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 BGR with tables acting on its hue and saturation."""
    if hue is LEVELS and saturation is LEVELS:
        return image
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    for channel, table in enumerate((hue, saturation)):
        if table is not LEVELS:
            cv2.insertChannel(cv2.LUT(cv2.extractChannel(hsv, channel), table), hsv, channel)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
