"""Convert SBD's masks, `benchmark_RELEASE/dataset/cls/ID.mat`, to palette PNGs like VOC's."""

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from scipy.io import loadmat

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive import members
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette

DATASET = PurePosixPath('benchmark_RELEASE/dataset')
MASKS = DATASET / 'cls'
LISTS = (DATASET / 'train.txt', DATASET / 'val.txt')
LARGEST = 1 << 24  # bytes of one member, packed and unpacked; the real ones have about 3,000
ENDIAN = slice(126, 128)  # of a .mat: where it says how its numbers are stored
TAG, COMPRESSED = 8, 15  # bytes before each part, and the data type of a compressed one


def masks(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the ``.mat`` bytes of every mask in the archive.

    Raises:
        UserError: The archive is broken, or its masks are not those that its lists name.
    """
    ids: set[str] = set()
    listed: set[str] = set()
    for name, size, file in members(archive):
        mask = name.parent == MASKS and name.suffix == '.mat'
        if not mask and name not in LISTS:
            continue
        if size > LARGEST:
            raise UserError(f'{archive}: {name} has {size:,} bytes, which no mask or list has')
        body = file.read()
        if mask:
            ids.add(name.stem)
            yield name.stem, body
        else:
            listed |= set(body.decode('ascii', 'replace').split())
    if ids != listed:
        examples = ', '.join(sorted(ids ^ listed)[:5])
        raise UserError(
            f'{archive} has {len(ids):,} masks in {MASKS}, but its lists name {len(listed):,} '
            f'images: {examples or "none"}'
        )


def labels(body: bytes, name: str) -> np.ndarray:
    """Read the class ids (H, W), 0 to 20, from the bytes of a ``.mat``; SBD has no void.

    Raises:
        UserError: It is not a mask of SBD.
    """
    check_inflation(body, name)
    try:
        truth = loadmat(
            io.BytesIO(body), appendmat=False, variable_names=('GTcls',), struct_as_record=True
        )
        ids = np.asarray(truth['GTcls'][0, 0]['Segmentation'])
    except Exception as error:  # scipy raises many classes for broken files
        raise UserError(f'{name} is not a mask of SBD: {error!r}') from error
    if ids.ndim != 2 or ids.dtype != np.uint8 or not ids.size or ids.max() >= len(VOC_CLASSES):
        raise UserError(
            f'{name} is not a mask of SBD: shape {ids.shape}, type {ids.dtype}, '
            f'largest id {ids.max(initial=0)}'
        )
    return ids


def check_inflation(body: bytes, name: str) -> None:
    """Refuse a ``.mat`` (level 5) whose compressed parts unpack to more bytes than a mask has.

    Raises:
        UserError: It names the file. Broken files are left to the reader.
    """
    order = '<' if body[ENDIAN] == b'IM' else '>'
    offset, bytes_left = ENDIAN.stop, LARGEST
    while offset + TAG <= len(body):
        data_type, size = struct.unpack_from(f'{order}II', body, offset)
        if data_type == COMPRESSED:
            packed = body[offset + TAG : offset + TAG + size]
            with contextlib.suppress(zlib.error):
                bytes_left -= len(zlib.decompressobj().decompress(packed, bytes_left + 1))
            if bytes_left < 0:
                raise UserError(f'{name} unpacks to more than {LARGEST:,} bytes, which no mask has')
        offset += TAG + size


def save(ids: np.ndarray, path: Path) -> None:
    """Write class ids (H, W) as a PNG with VOC's palette, whatever the suffix of ``path``."""
    mask = Image.fromarray(ids).convert('P')
    mask.putpalette([value for rgb in voc_palette() for value in rgb])
    mask.save(path, 'PNG')
