"""One mask of all objects of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mmdeeplab.datasets.annotations.class_ids import ClassIds
from mmdeeplab.datasets.annotations.model import AnnotatedImage
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.image_io import read_bytes, read_header
from mmdeeplab.errors import UserError

TURNS = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation, of those that swap width and height."""


def paint(image: AnnotatedImage, picture: Path, classes: ClassIds) -> np.ndarray:
    """The mask of an upright picture.

    Later objects lie over earlier ones, those of a higher order over those of a lower one. Sizes
    are those of the upright picture, as the tools show it; where they fit only the picture as it is
    stored, the mask is turned with it.

    Args:
        image: What is annotated.
        picture: The file.
        classes: Ids of the classes.

    Returns:
        (H, W) uint8 class ids.

    Raises:
        UserError: The picture cannot be read or has another size, or an object is broken.
    """
    header = read_header(read_bytes(picture, 'image'), picture, 'image')
    stored = header.height, header.width
    turn = TURNS.get(header.orientation)
    upright = stored[::-1] if turn is not None else stored
    size = image.size or upright
    if size not in (upright, stored):
        raise image.place.error(
            f'it is {size[1]} x {size[0]} pixels large there, but {picture} is {upright[1]} x '
            f'{upright[0]}: annotate the picture that is trained on, or resize neither'
        )
    mask = np.full(size, classes.unlabelled, np.uint8)
    for one in sorted(image.objects, key=lambda one: one.order):
        try:
            mask[one.shape.mask(*size)] = classes.of(image, one)
        except UserError:
            raise
        except ValueError as error:
            raise Place(image.place.file, one.part).error(f'{error}') from error
    if size == upright or turn is None:
        return mask
    return np.array(Image.fromarray(mask).transpose(turn))
