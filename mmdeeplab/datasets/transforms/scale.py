"""Random scale as in TensorFlow's `deeplab/core/preprocess_utils.py`, and the centre crop."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeeplab.datasets.transforms.resize import resize_bilinear, resize_nearest
from mmdeeplab.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomScale(BaseTransform):
    """Resize image and mask by the same random factor, with aligned corners.

    The factor is one of minimum, minimum + step, ..., maximum (seven values by default) with equal
    probability, or any in between if ``step`` is 0. The new sides are ``int(side * factor)``. The
    image is interpolated bilinearly; the mask takes the nearest label.

    Args:
        minimum: Smallest factor.
        maximum: Largest factor.
        step: Difference between one factor and the next.

    Raises:
        ValueError: The factors are not 0 < minimum <= maximum, or the step is negative.
    """

    def __init__(self, minimum: float = 0.5, maximum: float = 2.0, step: float = 0.25) -> None:
        if not 0 < minimum <= maximum or step < 0:
            raise ValueError(
                'RandomScale needs 0 < minimum <= maximum and step >= 0, got '
                f'minimum={minimum}, maximum={maximum}, step={step}'
            )
        self.minimum, self.maximum, self.step = minimum, maximum, step

    def draw(self) -> float:
        """Draw a scale factor."""
        if self.step == 0:
            return float(np.random.uniform(self.minimum, self.maximum))
        count = int((self.maximum - self.minimum) / self.step + 1e-9) + 1
        return self.minimum + self.step * int(np.random.randint(count))

    def transform(self, results: dict) -> dict:
        factor = self.draw()
        size = tuple(max(int(side * factor), 1) for side in results['img_shape'])
        if size != tuple(results['img_shape']):
            results['img'] = resize_bilinear(results['img'], size)
            for key in results.get('seg_fields', []):
                results[key] = resize_nearest(results[key], size)
        results.update(img_shape=size, scale_factor=(factor, factor))
        return results


@TRANSFORMS.register_module()
class CentreCrop(BaseTransform):
    """Crop image and mask to their centre; the crop is then evaluated as if it were the image.

    Args:
        size: (H, W) of the crop; a side of the image that is shorter stays so.
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = tuple(size)

    def transform(self, results: dict) -> dict:
        sides = zip(results['img_shape'], self.size, strict=True)
        # rounded to even as torchvision's centre crop
        gaps = [(max(side - wanted, 0), wanted) for side, wanted in sides]
        window = tuple(slice(round(gap / 2), round(gap / 2) + wanted) for gap, wanted in gaps)
        for key in ('img', *results.get('seg_fields', [])):
            results[key] = np.ascontiguousarray(results[key][window])
        shape = results['img'].shape[:2]
        results.update(img_shape=shape, ori_shape=shape)
        return results
