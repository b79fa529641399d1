"""Read an image and its mask; refuse what does not belong together, naming the file."""

from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image, UnidentifiedImageError

from mmdeeplab.errors import UserError
from mmdeeplab.registry import TRANSFORMS

VOID = 255


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Read ``img_path`` as (H, W, 3) uint8, BGR, with the rotation its EXIF tag asks for.

    Raises:
        UserError: The file is missing, empty or not an image; the message names it.
    """

    def transform(self, results: dict) -> dict:
        image = read_image(results['img_path'])
        results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return results


def read_image(path: str | Path) -> np.ndarray:
    """(H, W, 3) uint8, BGR."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(f'cannot read the image {path}: {error.strerror}') from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise UserError(f'not an image, or a broken one: {path} ({data.size} bytes)')
    return image


@TRANSFORMS.register_module()
class LoadMask(BaseTransform):
    """Read ``seg_map_path`` as (H, W) uint8 class ids, 255 = void, and check it.

    Raises:
        UserError: The file is broken, in colour, of another size than the image, or holds an id
            that is not a class; the message names the file and the value.
    """

    def transform(self, results: dict) -> dict:
        path = results['seg_map_path']
        mask = read_mask(Path(path))
        if mask.shape != tuple(results['img_shape']):
            raise UserError(
                f'the mask {path} is {mask.shape[1]}x{mask.shape[0]}, its image '
                f'{results["img_path"]} is {results["img_shape"][1]}x{results["img_shape"][0]}'
            )
        check_ids(mask, results['num_classes'], path)
        results['gt_seg_map'] = mask.astype(np.uint8)
        results['seg_fields'].append('gt_seg_map')
        return results


def read_mask(path: Path) -> np.ndarray:
    """(H, W) ids as the file stores them: palette indices or grey values, 8 or 16 bits."""
    try:
        with Image.open(path) as picture:
            if picture.mode not in ('P', 'L', '1', 'I', 'I;16', 'I;16B'):
                raise UserError(
                    f'the mask {path} is a {picture.mode} picture; a mask holds one class id a '
                    'pixel (a palette or grey PNG)'
                )
            return np.array(picture)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UserError(f'not a readable mask: {path} ({error})') from error


def check_ids(mask: np.ndarray, num_classes: int, path: str | Path) -> None:
    """Refuse ids that are neither a class (0 .. num_classes - 1) nor void (255)."""
    bad = np.unique(mask[(mask >= num_classes) & (mask != VOID)])
    if bad.size:
        values = ', '.join(map(str, bad[:5].tolist())) + (', ...' if bad.size > 5 else '')
        raise UserError(
            f'label {values} in {path} is outside the {num_classes} classes '
            f'(0..{num_classes - 1}, and 255 for void); mend the mask, or add the class to '
            'classes.txt and to model.decode_head.num_classes'
        )
