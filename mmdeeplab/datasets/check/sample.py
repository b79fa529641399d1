"""Check one image and its mask for everything that does not depend on the classes."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.image_io import Header, decode_image, read_bytes
from mmdeeplab.datasets.mask_io import check_size, decode_mask, decode_pixels
from mmdeeplab.datasets.stored_images import check_pixels, decode_stored
from mmdeeplab.datasets.stored_kind import lost_in_rgb
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import histogram

LARGE = 2**25
SMALLEST_SIDE = 4
COLOURS_KEPT = 300  # of a mask in colour: enough for 256 ids and to show that there are others
_SUFFIXES = {'JPEG': ('.jpg', '.jpeg', '.jpe', '.mpo'), 'TIFF': ('.tif', '.tiff')}


@dataclass
class CheckedSample:
    """What the check found out about an image and its mask; can be stored as JSON.

    Attributes:
        faults: (fault, 'image' or 'mask', words).
        digest: SHA-256 of the image's bytes.
        counts: Number of pixels of each id of the mask; ids are strings.
        colours: Number of pixels of the most frequent colours, 'R,G,B', of a mask in colour.
        turn: EXIF orientation of the image, 1 for none.
    """

    faults: list[list[str]] = field(default_factory=list)
    digest: str = ''
    counts: dict[str, int] = field(default_factory=dict)
    colours: dict[str, int] = field(default_factory=dict)
    turn: int = 1


def look_at(image: Path, mask: Path | None, pixels: Pixels | None = None) -> CheckedSample:
    """Read an image and its mask as training does, and note what is wrong with them.

    Args:
        image: The image's file.
        mask: The mask's file; None for an image without one.
        pixels: Bands and depth if images are read as they are stored; None: RGB of 8 bits.

    Raises:
        UserError: A package that reads such files is not installed.
    """
    sample = CheckedSample()
    size = None
    try:
        size = _look_at_image(sample, image, pixels)
    except UserError as error:
        _add(sample, error, 'image')
    try:
        if mask is not None:
            _look_at_mask(sample, mask, image, size)
    except UserError as error:
        _add(sample, error, 'mask')
    return sample


def _look_at_image(sample: CheckedSample, path: Path, pixels: Pixels | None) -> tuple[int, int]:
    data = read_bytes(path, 'image')
    sample.digest = hashlib.sha256(data).hexdigest()
    if pixels is None:
        height, width = _look_at_rgb(sample, path, data)
    else:
        image = decode_stored(data, path)
        check_pixels(image, pixels, path)
        height, width = image.shape[:2]
    if height * width > LARGE:
        sample.faults.append(['large', 'image', f'the image {path} is {width}x{height}'])
    if min(height, width) < SMALLEST_SIDE:
        sample.faults.append(['tiny', 'image', f'the image {path} is {width}x{height}'])
    return height, width


def _look_at_rgb(sample: CheckedSample, path: Path, data: bytes) -> tuple[int, int]:
    header, rgb = decode_image(data, path)
    sample.turn = header.orientation
    _note_format(sample, header, path, 'image')
    if header.mode != 'RGB':
        words = f'the image {path} is a {header.mode} {header.format}, read as 8-bit RGB'
        sample.faults.append(['converted', 'image', words])
    if pixels := lost_in_rgb(data):
        words = f'the image {path} has {pixels}, read as RGB of 8 bits; {pixels.step} keeps all'
        sample.faults.append(['lost-bits', 'image', words])
    return rgb.shape[:2]


def _look_at_mask(
    sample: CheckedSample, path: Path, image: Path, size: tuple[int, int] | None
) -> None:
    data = read_bytes(path, 'mask')
    try:
        header, ids = decode_mask(data, path)
    except UserError as error:
        if error.fault == 'colour-mask':
            sample.colours = count_colours(decode_pixels(data, path))
        raise
    _note_format(sample, header, path, 'mask')
    sample.counts = count_ids(ids)
    if size is not None:
        check_size(ids, size, path, image)
        if sample.turn != 1:
            words = f'the image {image} has the EXIF orientation {sample.turn}'
            sample.faults.append(['turned', 'image', words])


def _note_format(sample: CheckedSample, header: Header, path: Path, file_role: str) -> None:
    usual = _SUFFIXES.get(header.format, (f'.{header.format.lower()}',))
    if path.suffix.lower() not in usual:
        words = f'the {file_role} {path} is a {header.format}'
        sample.faults.append(['mistyped', file_role, words])


def _add(sample: CheckedSample, error: UserError, file_role: str) -> None:
    if not error.fault:  # of this machine, not of the file
        raise error
    sample.faults.append([error.fault, file_role, str(error)])


def count_ids(ids: np.ndarray) -> dict[str, int]:
    """Number of pixels of each id of a mask (H, W); ids are strings."""
    if ids.dtype == np.uint8:
        counts = histogram(ids)
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(ids, return_counts=True)
    return {str(int(v)): int(n) for v, n in zip(values, counts, strict=True)}


def count_colours(pixels: np.ndarray) -> dict[str, int]:
    """Number of pixels of the most frequent colours of (H, W, channels); alpha is ignored."""
    if pixels.ndim == 2:
        return {}
    channels = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., [0, 0, 0]]
    packed = channels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    values, counts = np.unique(packed, return_counts=True)
    order = np.argsort(-counts, kind='stable')[:COLOURS_KEPT]
    return {
        f'{int(v) >> 16},{int(v) >> 8 & 255},{int(v) & 255}': int(n)
        for v, n in zip(values[order], counts[order], strict=True)
    }
