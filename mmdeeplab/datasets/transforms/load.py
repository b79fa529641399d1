"""Read an image and its mask, and check that they belong together."""

import numpy as np
from mmcv.transforms import BaseTransform

from mmdeeplab.config.pixels import LOADERS, given_pixels
from mmdeeplab.datasets.decoded_cache import through_cache
from mmdeeplab.datasets.image_io import read_image
from mmdeeplab.datasets.label_ids import class_ids
from mmdeeplab.datasets.mask_io import check_ids, check_size, read_mask
from mmdeeplab.datasets.stored_images import check_pixels, read_stored
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.registry import TRANSFORMS

__all__ = ['IGNORE_INDEX', 'LoadImage', 'LoadMask', 'check_ids', 'read_image', 'read_mask']


@TRANSFORMS.register_module(name=list(LOADERS))
class LoadImage(BaseTransform):
    """Read the image at ``img_path`` as (H, W, 3) uint8, BGR, rotated as its EXIF tag says.

    With ``bands`` images are read as they are stored instead: (H, W, bands) of type ``depth``, with
    the bands in the file's order and unchanged values. The preprocessor then needs
    ``bgr_to_rgb=False`` and a ``mean`` and ``std`` for each band on the images' own scale, and the
    backbone needs ``in_channels``.

    The results that it transforms may also have a decoded picture ``img`` (BGR, as OpenCV gives it)
    instead of a path. A path or a picture alone may be given, too.

    Args:
        cache: Folder in which decoded pictures are kept (:mod:`mmdeeplab.datasets.decoded_cache`).
        bands: Number of bands of every image, 1 to 16, to read PNG, TIFF and NPY files as they are
            stored; None converts all images to RGB of 8 bits.
        depth: Type of the values, if ``bands`` is given: ``uint8``, ``uint16`` or ``float32``.

    Raises:
        UserError: The file is missing, empty, cut, not an image, or has other bands or another
            depth; the message names it.
    """

    def __init__(
        self, cache: str | None = None, bands: int | None = None, depth: str = 'uint8'
    ) -> None:
        self.cache, self.pixels = cache, given_pixels(bands, depth)

    def transform(self, results: dict | str | np.ndarray) -> dict:
        if not isinstance(results, dict):
            results = {'img_path' if isinstance(results, str) else 'img': results}
        path = results.setdefault('img_path', None)
        read = read_image if self.pixels is None else read_stored
        image = results['img'] if path is None else through_cache(self.cache, path, read)
        if self.pixels is not None:
            check_pixels(image, self.pixels, path or 'of this array')
        results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return results


@TRANSFORMS.register_module()
class LoadMask(BaseTransform):
    """Read the mask at ``seg_map_path`` as (H, W) uint8 class ids, with 255 for void.

    The data set's ``reduce_zero_label`` and ``ignore_index`` (its ``label_map``) are applied here.
    So in crops, losses and scores void is always 255, whatever id it has in the files. Results
    without a ``seg_map_path``, such as pictures to predict, are returned as they are.

    Args:
        cache: Folder in which decoded masks are kept (:mod:`mmdeeplab.datasets.decoded_cache`).

    Raises:
        UserError: The file is broken, in colour, of another size than the image, or holds an id
            that is not a class; the message names the file and the value.
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
