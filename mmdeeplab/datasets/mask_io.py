"""Decode masks, and check them beside their images; every error names the file.

Training and the check of a data set (:mod:`mmdeeplab.datasets.check`) use the same functions, so
training can read whatever passes the check. Every error has an attribute ``fault``, a key of
:data:`mmdeeplab.datasets.check.faults.FAULTS`.
"""

import io
from pathlib import Path

import numpy as np

from mmdeeplab.command_names import tool
from mmdeeplab.datasets.image_io import (
    Header,
    check_pixel_count,
    quietly_opened,
    read_bytes,
    read_header,
)
from mmdeeplab.datasets.stored_kind import NPY, npy_header
from mmdeeplab.errors import bad_data
from mmdeeplab.label_counts import IGNORE_INDEX

MASK_MODES = ('P', 'L', '1', 'I', 'I;16', 'I;16B', 'I;16L')
"""Of Pillow: pictures that hold one whole number a pixel."""


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask as (H, W) ids: palette indices, grey values, or the whole numbers of an NPY file.

    Raises:
        UserError: The file is missing, empty, cut, too large, no picture, in colour or lossy, or an
            array of other axes or of fractions.
    """
    return decode_mask(read_bytes(path, 'mask'), path)[1]


def decode_mask(data: bytes, path: str | Path) -> tuple[Header, np.ndarray]:
    """Decode a mask's bytes: the header, and the ids (H, W)."""
    header = mask_header(data, path)
    if header.format == 'JPEG':
        raise bad_data(
            'lossy-mask', f'the mask {path} is a JPEG, whose compression changes ids; use PNG'
        )
    if header.mode not in MASK_MODES:
        raise bad_data(
            'colour-mask',
            f'the mask {path} is a {header.mode} picture; a mask holds one class id a pixel (a '
            f'palette or grey PNG); {tool("check_dataset")} CONFIG --fix OUT writes such ones',
        )
    ids = decode_pixels(data, path)
    if header.orientation != 1:
        raise bad_data(
            'orientation', f'the mask {path} has an EXIF tag that turns it; save it without one'
        )
    return header, ids


def mask_header(data: bytes, path: str | Path) -> Header:
    """Read a mask's header, of a picture or of an array (H, W) in an NPY file."""
    if not data.startswith(NPY):
        return read_header(data, path, 'mask')
    try:
        shape, dtype = npy_header(data)
    except ValueError as error:
        raise bad_data('unreadable', f'the mask {path} is broken ({error})') from error
    if len(shape) != 2 or 0 in shape or dtype.kind not in 'iub':
        raise bad_data(
            'pixels',
            f'the mask {path} is an array {shape} of {dtype}; a mask holds one class id a pixel, '
            '(H, W) whole numbers',
        )
    check_pixel_count(*shape, 'mask', path)
    return Header('NPY', 'I', width=shape[1], height=shape[0], orientation=1)


def decode_pixels(data: bytes, path: str | Path) -> np.ndarray:
    """Decode a mask's pixels as they are stored, (H, W) or (H, W, channels)."""
    if data.startswith(NPY):
        return _decode_array(data, path)
    try:
        with quietly_opened(data) as picture:
            return np.array(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise bad_data('unreadable', f'the mask {path} is broken ({error})') from error


def _decode_array(data: bytes, path: str | Path) -> np.ndarray:
    """Decode an NPY mask; its whole numbers are given in 8 bits if they fit."""
    mask_header(data, path)
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError as error:
        raise bad_data('unreadable', f'the mask {path} is broken ({error})') from error
    fits = array.min() >= 0 and array.max() <= IGNORE_INDEX
    return array.astype(np.uint8) if fits else array


def check_size(mask: np.ndarray, size: tuple[int, int], path: object, image_path: object) -> None:
    """Refuse a mask whose size is not that of its image, ``size`` (H, W)."""
    if mask.shape == tuple(size):
        return
    turned = mask.shape == (size[1], size[0])
    raise bad_data(
        'orientation' if turned else 'size',
        f'the mask {path} is {mask.shape[1]}x{mask.shape[0]}, its image {image_path} is '
        f'{size[1]}x{size[0]}'
        + (': one of them is transposed, or turned by an EXIF tag' if turned else ''),
    )


def check_ids(
    mask: np.ndarray, num_classes: int, path: str | Path, stored: np.ndarray | None = None
) -> None:
    """Refuse a mask with ids that are neither a class (0 to num_classes - 1) nor void (255).

    Args:
        mask: (H, W) class ids.
        num_classes: Number of classes.
        path: The mask's file, for the message.
        stored: (H, W) ids as the file has them, if they were mapped to class ids.

    Raises:
        UserError: It names the file and the ids.
    """
    if mask.dtype == np.uint8 and (mask + np.uint8(1)).max(initial=0) <= num_classes:
        return  # void, 255, has become 0
    wrong = ((mask < 0) | (mask >= num_classes)) & (mask != IGNORE_INDEX)
    wrong_ids = np.unique((mask if stored is None else stored)[wrong])
    if wrong_ids.size:
        values = ', '.join(map(str, wrong_ids[:5].tolist())) + (
            ', ...' if wrong_ids.size > 5 else ''
        )
        raise bad_data(
            '16-bit' if wrong_ids[-1] > IGNORE_INDEX else 'ids',
            f'label {values} in {path} is outside the {num_classes} classes '
            f'(0..{num_classes - 1}, and 255 for void); mend the mask, or add the class to '
            'classes.txt and to model.decode_head.num_classes',
        )
