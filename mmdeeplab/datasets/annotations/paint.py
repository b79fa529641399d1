"""Paint all objects of a picture into one mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mmdeeplab.datasets.annotations.class_ids import ClassIds
from mmdeeplab.datasets.annotations.model import AnnotatedImage
from mmdeeplab.datasets.image_io import TURNS, read_bytes, read_header
from mmdeeplab.errors import UserError


def paint(image: AnnotatedImage, picture: Path, classes: ClassIds) -> np.ndarray:
    """Paint the mask of a picture, upright as its EXIF tag says.

    Objects of a higher ``order`` cover those of a lower one, later objects cover earlier ones.
    Annotation tools show pictures upright, so their coordinates are of the upright picture. If the
    size in the annotation file fits only the picture as stored, the mask is rotated with it.

    Args:
        image: The annotations of the picture.
        picture: The picture's file.
        classes: The class ids.

    Returns:
        (H, W) uint8 class ids.

    Raises:
        UserError: The picture cannot be read or has another size, or an object is broken.
    """
    header = read_header(read_bytes(picture, 'image'), picture, 'image')
    stored = header.height, header.width
    upright = stored[::-1] if header.swaps else stored
    size = image.size or upright
    if size not in (upright, stored):
        raise image.place.error(
            f'it is {size[1]} x {size[0]} pixels large there, but {picture} is {upright[1]} x '
            f'{upright[0]}: annotate the picture that is trained on, or resize neither'
        )
    mask = np.full(size, classes.unlabelled, np.uint8)
    for annotated in sorted(image.objects, key=lambda annotated: annotated.order):
        try:
            mask[annotated.shape.mask(*size)] = classes.of(image, annotated)
        except UserError:
            raise
        except ValueError as error:
            raise image.place_of(annotated).error(f'{error}') from error
    if size == upright:
        return mask
    return np.array(Image.fromarray(mask).transpose(TURNS[header.orientation]))
