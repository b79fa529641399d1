"""Resize and crop in one: only what the crop shows is computed."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.image import rescale_size
from mmcv.transforms import BaseTransform

from mmdeeplab.datasets.transforms.crop_window import both, cut, draw_window
from mmdeeplab.datasets.transforms.resize import (
    Window,
    nearest,
    resize_bilinear,
    resize_corner,
    resize_nearest,
    take,
)
from mmdeeplab.datasets.transforms.scale import RandomScale
from mmdeeplab.registry import TRANSFORMS

POINTS = 64  # along each side of a crop, at least, that are counted where shares may be estimates


@TRANSFORMS.register_module()
class RandomScaleCrop(RandomScale):
    """:class:`RandomScale` and then mmseg's ``RandomCrop``: the same draws, pixels and labels.

    The factor and the crop's place are drawn first, so that only the crop is computed.

    Args:
        crop_size: (H, W), or one number for both; a shorter side stays as it is.
        minimum: Smallest factor.
        maximum: Largest factor.
        step: Distance of the factors.
        cat_max_ratio: Draw another place, up to ten times, while one class fills this share of the
            crop's labels or more.

    Raises:
        ValueError: As :class:`RandomScale`.
    """

    def __init__(
        self,
        crop_size: int | Sequence[int],
        minimum: float = 0.5,
        maximum: float = 2.0,
        step: float = 0.25,
        cat_max_ratio: float = 1.0,
    ) -> None:
        super().__init__(minimum, maximum, step)
        self.crop_size, self.cat_max_ratio = both(crop_size), cat_max_ratio

    def transform(self, results: dict) -> dict:
        factor = self.draw()
        old = tuple(results['img_shape'])
        size = tuple(max(int(side * factor), 1) for side in old)

        def labels(window: Window) -> np.ndarray:
            mask = results['gt_seg_map']
            return mask[window] if size == old else resize_nearest(mask, size, window)

        window = draw_window(size, self.crop_size, self.cat_max_ratio, labels)
        if size == old:
            cut(results, window)
        else:
            results['img'] = resize_bilinear(results['img'], size, window)
            for key in results.get('seg_fields', []):
                results[key] = resize_nearest(results[key], size, window)
        results.update(img_shape=results['img'].shape[:2], scale_factor=(factor, factor))
        return results


@TRANSFORMS.register_module()
class RandomResizeCrop(BaseTransform):
    """mmseg's ``RandomResize(keep_ratio=True)`` and ``RandomCrop`` in one.

    Args:
        scale: (long side, short side) at ratio 1.
        ratio_range: Smallest and largest ratio.
        crop_size: (H, W), or one number for both; a shorter side stays as it is.
        cat_max_ratio: Draw another place, up to ten times, while one class fills this share of the
            crop's labels or more.
        exact: The same draws, pixels and labels as mmseg's two. Without it only the part of the
            image under the crop is resized: crops then begin at whole pixels of the source,
            their scale is the drawn one to half a pixel in the crop's side, and the share of a
            class is counted on a grid of at least 64 x 64 pixels.
        colours: A transform that acts on each pixel alone, such as ``PhotometricDistortion``; it is
            run before or after the crop is resized, wherever there are fewer pixels. Needs
            ``exact=False``.

    Raises:
        ValueError: ``colours`` with ``exact``.
    """

    def __init__(
        self,
        scale: Sequence[int],
        ratio_range: Sequence[float],
        crop_size: int | Sequence[int],
        cat_max_ratio: float = 1.0,
        exact: bool = True,
        colours: dict | None = None,
    ) -> None:
        if exact and colours:
            raise ValueError('RandomResizeCrop takes colours with exact=False only, got exact=True')
        self.colours = TRANSFORMS.build(colours) if colours else None
        self.scale, self.ratio_range = tuple(scale), tuple(ratio_range)
        self.crop_size, self.cat_max_ratio = both(crop_size), cat_max_ratio
        self.exact = exact

    def draw(self) -> tuple[int, int]:
        """(long side, short side) that the image is fitted into."""
        low, high = self.ratio_range
        ratio = np.random.random_sample() * (high - low) + low
        return int(self.scale[0] * ratio), int(self.scale[1] * ratio)

    def transform(self, results: dict) -> dict:
        scale = self.draw()
        height, width = results['img'].shape[:2]
        columns, rows = rescale_size((width, height), scale)
        if self.exact:
            self._resize_all(results, (rows, columns))
        else:
            self._resize_region(results, (rows, columns))
        factor = (columns / width, rows / height)
        shape = results['img'].shape[:2]
        results.update(scale=scale, scale_factor=factor, keep_ratio=True, img_shape=shape)
        return results

    def _resize_all(self, results: dict, size: tuple[int, int]) -> None:
        for key in results.get('seg_fields', []):
            results[key] = take(
                results[key],
                *(nearest(a, b) for a, b in zip(results[key].shape, size, strict=True)),
            )
        window = draw_window(
            size, self.crop_size, self.cat_max_ratio, lambda w: results['gt_seg_map'][w]
        )
        results['img'] = resize_corner(results['img'], size, window)
        cut(results, window)

    def _resize_region(self, results: dict, size: tuple[int, int]) -> None:
        shape = results['img'].shape[:2]
        wanted = tuple(min(a, b) for a, b in zip(self.crop_size, size, strict=True))
        sides = zip(wanted, shape, size, strict=True)
        region = tuple(min(max(round(side * a / b), 1), a) for side, a, b in sides)
        rows, columns = (slice(None, None, max(side // POINTS, 1)) for side in region)
        window = draw_window(
            shape,
            region,
            self.cat_max_ratio,
            lambda w: results['gt_seg_map'][w][rows, columns],
        )
        cut(results, window)
        enlarges = math.prod(region) < math.prod(wanted)
        if self.colours and enlarges:
            self.colours(results)
        results['img'] = cv2.resize(results['img'], wanted[::-1])
        for key in results.get('seg_fields', []):
            results[key] = cv2.resize(results[key], wanted[::-1], interpolation=cv2.INTER_NEAREST)
        if self.colours and not enlarges:
            self.colours(results)
