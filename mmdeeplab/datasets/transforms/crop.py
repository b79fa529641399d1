"""Random scale and random crop in one step, which computes only the pixels of the crop."""

from collections.abc import Sequence

import numpy as np

from mmdeeplab.datasets.transforms.crop_window import both, cut, draw_window
from mmdeeplab.datasets.transforms.resize import Window, resize_bilinear, resize_nearest
from mmdeeplab.datasets.transforms.scale import RandomScale
from mmdeeplab.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomScaleCrop(RandomScale):
    """Resize image and mask by a random factor and crop a random window.

    Gives the same random draws, pixels and labels as :class:`RandomScale` followed by mmseg's
    ``RandomCrop``, but factor and window are drawn first, so that only the crop is resized.

    Args:
        crop_size: (H, W), or one number for both; a side of the image that is shorter stays so.
        minimum: Smallest factor.
        maximum: Largest factor.
        step: Difference between one factor and the next; 0 for any factor in between.
        cat_max_ratio: While one class fills at least this share of the crop's labels, another
            window is drawn, up to ten times; images without a mask take the first window.

    Raises:
        ValueError: The factors are not 0 < minimum <= maximum, or the step is negative.
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

        ratio = self.cat_max_ratio if 'gt_seg_map' in results else 1.0
        window = draw_window(size, self.crop_size, ratio, labels)
        if size == old:
            cut(results, window)
        else:
            results['img'] = resize_bilinear(results['img'], size, window)
            for key in results.get('seg_fields', []):
                results[key] = resize_nearest(results[key], size, window)
        results.update(img_shape=results['img'].shape[:2], scale_factor=(factor, factor))
        return results
