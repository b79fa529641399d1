"""Read an image and its mask; refuse what does not belong together, naming the file."""

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeeplab.datasets.decoded_cache import through_cache
from mmdeeplab.datasets.image_io import check_ids, check_size, read_image, read_mask
from mmdeeplab.datasets.label_ids import class_ids
from mmdeeplab.label_map import IGNORE_INDEX
from mmdeeplab.registry import TRANSFORMS

__all__ = ['IGNORE_INDEX', 'LoadImage', 'LoadMask', 'check_ids', 'read_image', 'read_mask']


# What mmseg's `MMSegInferencer` and `inference_model` look for in a pipeline and put in its place;
# with `_scope_='mmdeeplab'` the names mean this class.
NAMES = ['LoadImage', 'LoadImageFromFile', 'LoadImageFromNDArray', 'InferencerLoader']


@TRANSFORMS.register_module(name=NAMES)
class LoadImage(BaseTransform):
    """Read ``img_path`` as (H, W, 3) uint8, BGR, with the rotation its EXIF tag asks for.

    Besides results with a path it takes those with a decoded picture ``img`` (BGR, as OpenCV's),
    and a path or a picture alone.

    Args:
        cache: Folder in which decoded pictures are kept (:mod:`mmdeeplab.datasets.decoded_cache`).

    Raises:
        UserError: The file is missing, empty, cut or not an image; the message names it.
    """

    def __init__(self, cache: str | None = None) -> None:
        self.cache = cache

    def transform(self, results: dict | str | np.ndarray) -> dict:
        if not isinstance(results, dict):
            results = {'img_path' if isinstance(results, str) else 'img': results}
        path = results.setdefault('img_path', None)
        image = results['img'] if path is None else through_cache(self.cache, path, read_image)
        results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return results


@TRANSFORMS.register_module()
class LoadMask(BaseTransform):
    """Read ``seg_map_path`` as (H, W) uint8 class ids, 255 = void, and check it.

    The data set's ``reduce_zero_label`` and ``ignore_index`` (its ``label_map``) are applied here,
    so that void is 255 for crops, losses and scores whatever the files call it.

    Args:
        cache: Folder in which decoded masks are kept (:mod:`mmdeeplab.datasets.decoded_cache`).

    Raises:
        UserError: The file is broken, in colour, of another size than the image, or holds an id
            that is not a class; the message names the file and the value.

    Results without a ``seg_map_path``, a picture to predict, stay as they are.
    """

    def __init__(self, cache: str | None = None) -> None:
        self.cache = cache

    def transform(self, results: dict) -> dict:
        path = results.get('seg_map_path')
        if path is None:
            return results
        stored = through_cache(self.cache, path, read_mask)
        check_size(stored, results['ori_shape'], path, results['img_path'])
        reduces = results.get('reduce_zero_label', False)
        mask = class_ids(stored, reduces, results.get('label_map'))
        check_ids(mask, results.get('num_classes', IGNORE_INDEX), path, stored)
        results['gt_seg_map'] = mask.astype(np.uint8, copy=False)
        results['seg_fields'].append('gt_seg_map')
        return results
