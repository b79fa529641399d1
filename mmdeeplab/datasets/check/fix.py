"""Write masks as indices where the files hold colours, 0 and 255, or ids to be renamed."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from mmdeeplab.datasets.check.colours import Colour, mapping, voc_colours
from mmdeeplab.datasets.check.judge import only_0_and_255
from mmdeeplab.datasets.check.levels import grey_values, ids_of_levels
from mmdeeplab.datasets.check.report import CheckedSource, Report
from mmdeeplab.datasets.check.sample import CheckedSample
from mmdeeplab.datasets.image_io import (
    MASK_MODES,
    TURNS,
    check_ids,
    check_size,
    decode_pixels,
    read_bytes,
    read_header,
    read_image,
)
from mmdeeplab.datasets.label_ids import PLAIN
from mmdeeplab.errors import UserError
from mmdeeplab.label_map import IGNORE_INDEX
from mmdeeplab.visualization.voc_palette import voc_palette


def write_masks(
    report: Report,
    out: Path,
    colours: Mapping[Colour, int] | None = None,
    renamed: Mapping[int, int] | None = None,
    levels: Mapping[int, int] | None = None,
) -> tuple[int, list[str]]:
    """Write every mask of the report into ``out/FOLDER`` as PNG: mended, or as it is.

    Args:
        report: What the check found.
        out: A folder that is not there yet, or empty.
        colours: Colours to ids where they are not VOC's.
        renamed: Old id to new id. 255 -> 1 by itself where two classes are written 0 and 255.
        levels: Class id of each grey value that stands for one; a value between them lies on an
            edge and gets the class of a neighbour.

    Returns:
        How many masks were mended, and a sentence for each that could not be.

    Raises:
        UserError: ``out`` holds something, or two folders of masks share a name.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f'--fix {out}: not an empty folder; nothing is overwritten')
    folders = {Path(os.path.realpath(each.source.masks)) for each in report.checked}
    if len({folder.name for folder in folders}) < len(folders):
        raise UserError(f'--fix {out}: {" and ".join(map(str, folders))} have one name')
    mended, failed, done = 0, [], set()
    for each in report.checked:
        ids = dict(renamed or _binary(each))
        for name, sample in each.samples.items():
            path = each.source.mask(name)
            if path in done or not path.is_file():
                continue
            done.add(path)
            target = out / each.source.masks.name / as_png(str(path.relative_to(each.source.masks)))
            try:
                mended += _write(each, name, sample, target, colours, ids, levels)
            except UserError as error:
                failed.append(str(error))
    return mended, failed


def as_png(name: str) -> str:
    """The name, or what stands behind an id in names, of the mask that is written."""
    return f'{PurePath(name).with_suffix("")}.png' if PurePath(name).suffix else '.png'


def _binary(each: CheckedSource) -> dict[int, int]:
    masks = [set(sample.counts) for sample in each.samples.values() if sample.counts]
    plain = len(each.source.classes) == 2 and each.source.label_ids == PLAIN
    return {IGNORE_INDEX: 1} if plain and only_0_and_255(masks) else {}


def _write(
    each: CheckedSource,
    name: str,
    sample: CheckedSample,
    target: Path,
    colours: Mapping[Colour, int] | None,
    renamed: dict[int, int],
    levels: Mapping[int, int] | None,
) -> bool:
    """Write one mask; tell whether it differs from the original."""
    path = each.source.mask(name)
    classes = each.source.classes
    data = read_bytes(path, 'mask')
    header = read_header(data, path, 'mask')
    pixels = decode_pixels(data, path)
    if header.format == 'JPEG' and levels is None:
        raise UserError(f'the mask {path} is a JPEG, whose ids are lost')
    ids = pixels
    if levels is not None:
        ids = ids_of_levels(grey_values(pixels, path), levels)
    elif header.mode not in MASK_MODES:
        known = voc_colours(classes) if colours is None else dict(colours)
        ids = ids_of_colours(pixels, sample, known, len(classes), path)
    before = ids
    ids = rename(ids, renamed)
    check_ids(each.source.label_ids(ids), len(classes), path, ids)
    ids = _turned(ids.astype(np.uint8), sample, path, each.source.image(name))
    target.parent.mkdir(parents=True, exist_ok=True)
    if before is pixels and np.array_equal(ids, pixels) and path.suffix == target.suffix:
        shutil.copyfile(path, target)
        return False
    picture = Image.fromarray(ids)
    picture.putpalette([value for colour in voc_palette() for value in colour])
    picture.save(target)
    return True


def ids_of_colours(
    pixels: np.ndarray, sample: CheckedSample, known: dict[Colour, int], classes: int, path: Path
) -> np.ndarray:
    """(H, W) ids of (H, W, channels) colours.

    Raises:
        UserError: A colour has no id.
    """
    ids, strange = mapping(sample.colours, known, classes)
    if strange or not ids:
        named = ', '.join(map(str, strange[:3])) or 'its colours'
        raise UserError(f'the mask {path}: no id is known for {named}; see --colours')
    channels = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., [0, 0, 0]]
    labels = np.full(channels.shape[:2], -1, np.int32)
    for colour, i in ids.items():
        labels[(channels == np.array(colour)).all(-1)] = i
    if (labels < 0).any():
        raise UserError(f'the mask {path} has more colours than ids')
    return labels


def rename(ids: np.ndarray, renamed: Mapping[int, int]) -> np.ndarray:
    """Replace ids of a mask (H, W), all at once: an id that was written is not replaced again."""
    result = ids.astype(np.int32) if renamed else ids
    for old, new in renamed.items():
        result = np.where(ids == old, new, result)
    return result


def _turned(ids: np.ndarray, sample: CheckedSample, path: Path, image: Path) -> np.ndarray:
    """Turn a mask as its image's EXIF tag turns the image, where only so the two fit.

    Raises:
        UserError: They do not fit.
    """
    try:
        size = read_image(image).shape[:2]
    except UserError:
        return ids  # the image's own fault is in the table
    if ids.shape != size and sample.turn != 1:
        ids = np.array(Image.fromarray(ids).transpose(TURNS[sample.turn]))
    check_size(ids, size, path, image)
    return ids
