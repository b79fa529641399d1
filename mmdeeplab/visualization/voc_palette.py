"""Class names and colours of PASCAL VOC 2012 and of checkpoints."""

from collections.abc import Sequence

from mmdeeplab.errors import UserError

VOC_CLASSES: tuple[str, ...] = (
    'background',
    'aeroplane',
    'bicycle',
    'bird',
    'boat',
    'bottle',
    'bus',
    'car',
    'cat',
    'chair',
    'cow',
    'diningtable',
    'dog',
    'horse',
    'motorbike',
    'person',
    'pottedplant',
    'sheep',
    'sofa',
    'train',
    'tvmonitor',
)


def _colour(index: int) -> tuple[int, int, int]:
    """RGB of a label id: bits 0, 1, 2 of each base-8 digit go to R, G, B, high bits first."""
    rgb = [0, 0, 0]
    for digit in range(3):
        for channel in range(3):
            bit = (index >> (3 * digit + channel)) & 1
            rgb[channel] |= bit << (7 - digit)
    return rgb[0], rgb[1], rgb[2]


def voc_palette(num_classes: int = 256) -> list[tuple[int, int, int]]:
    """Return the VOC colour map.

    Args:
        num_classes: Number of ids, 0 to 256.

    Returns:
        ``num_classes`` RGB triples of 0..255; id 0 is black, id 255 is (224, 224, 192).

    Raises:
        UserError: There are more classes than ids of 8 bits.
    """
    require_byte_ids(num_classes)
    return [_colour(index) for index in range(num_classes)]


def require_byte_ids(num_classes: int) -> None:
    """Raise a UserError if there are more classes than ids of 8 bits."""
    if not 0 <= num_classes <= 256:
        raise UserError(
            f'{num_classes} classes: masks and results hold class ids in 8 bits, at most 256'
        )


def default_names(count: int) -> Sequence[str]:
    """Default names of ``count`` classes: VOC's for 21 classes, otherwise numbers."""
    return VOC_CLASSES if count == len(VOC_CLASSES) else [f'class {i}' for i in range(count)]


def palette_of(checkpoint: dict, count: int) -> Sequence[Sequence[int]]:
    """Colours of a checkpoint's classes, from its metadata or those of its data set, or VOC's.

    Classes without a colour there have VOC's.

    Raises:
        UserError: It has no colours, and more classes than ids of 8 bits.
    """
    meta = checkpoint.get('meta') or {}
    data = meta.get('dataset_meta') or {}
    old = meta.get('PALETTE')  # mmsegmentation before 1.0
    own = meta.get('palette') or data.get('palette') or old
    return [*own[:count], *voc_palette(min(count, 256))[len(own) :]] if own else voc_palette(count)
