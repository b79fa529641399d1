"""Write masks of class ids where the files hold colours, 0 and 255, or ids to be renamed."""

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
from mmdeeplab.datasets.image_io import TURNS, read_bytes, read_image
from mmdeeplab.datasets.label_ids import PLAIN
from mmdeeplab.datasets.mask_io import MASK_MODES, check_ids, check_size, decode_pixels, mask_header
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.visualization.colorize import palette_picture


def write_masks(
    report: Report,
    out: Path,
    colours: Mapping[Colour, int] | None = None,
    renamed: Mapping[int, int] | None = None,
    levels: Mapping[int, int] | None = None,
) -> tuple[int, list[str]]:
    """Write every mask of the report as PNG into ``out/FOLDER``, mended if it needs to be.

    Args:
        report: What the check found.
        out: A new or an empty folder.
        colours: Class ids by colour, if the colours are not VOC's.
        renamed: New ids by old ids. If two classes are written as 0 and 255, 255 becomes 1 without
            being named here.
        levels: Class ids by grey value. Other grey values are taken as the soft edges of regions
            and get the class of a neighbour.

    Returns:
        The number of mended masks, and a sentence for each mask that could not be mended.

    Raises:
        UserError: ``out`` is not empty or cannot be written, or two folders of masks have the same
            name.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f'--fix {out}: not an empty folder; nothing is overwritten')
    labelled = [checked for checked in report.checked if checked.source.labelled]
    folders: dict[str, Path] = {}
    for masks in (checked.source.masks for checked in labelled):
        other = folders.setdefault(masks.name, masks)
        if os.path.realpath(other) != os.path.realpath(masks):
            raise UserError(f'--fix {out}: {other} and {masks} have one name')
    mended, failed, visited = 0, [], set()
    for checked in labelled:
        ids = dict(renamed or _binary(checked))
        for name, sample in checked.samples.items():
            path = checked.source.mask(name)
            if path in visited or not path.is_file():
                continue
            visited.add(path)
            target = (
                out
                / checked.source.masks.name
                / as_png(str(path.relative_to(checked.source.masks)))
            )
            try:
                labels = _mended(checked, name, sample, colours, ids, levels)
            except UserError as error:
                failed.append(str(error))
                continue
            with placing(target) as partial:
                if labels is None:
                    shutil.copyfile(path, partial)
                else:
                    palette_picture(labels).save(partial, 'PNG')
            mended += labels is not None
    return mended, failed


def as_png(name: str) -> str:
    """The name of a mask's file, or its suffix, with the ending ``.png``."""
    return f'{PurePath(name).with_suffix("")}.png' if PurePath(name).suffix else '.png'


def _binary(checked: CheckedSource) -> dict[int, int]:
    masks = [set(sample.counts) for sample in checked.samples.values() if sample.counts]
    plain = len(checked.source.classes) == 2 and checked.source.label_ids == PLAIN
    return {IGNORE_INDEX: 1} if plain and only_0_and_255(masks) else {}


def _mended(
    checked: CheckedSource,
    name: str,
    sample: CheckedSample,
    colours: Mapping[Colour, int] | None,
    renamed: dict[int, int],
    levels: Mapping[int, int] | None,
) -> np.ndarray | None:
    """The ids (H, W) of one mask, mended; None if its file is right as it is."""
    path = checked.source.mask(name)
    classes = checked.source.classes
    data = read_bytes(path, 'mask')
    header = mask_header(data, path)
    pixels = decode_pixels(data, path)
    if header.format == 'JPEG' and levels is None:
        raise UserError(f'the mask {path} is a JPEG, whose ids are lost')
    ids = pixels
    if levels is not None:
        ids = ids_of_levels(grey_values(pixels, path), levels)
    elif header.mode not in MASK_MODES:
        class_ids = voc_colours(classes) if colours is None else dict(colours)
        ids = ids_of_colours(pixels, sample, class_ids, len(classes), path)
    before = ids
    ids = rename(ids, renamed)
    check_ids(checked.source.label_ids(ids), len(classes), path, ids)
    ids = _turned(ids.astype(np.uint8), sample, path, checked.source.image(name))
    same = before is pixels and np.array_equal(ids, pixels) and path.suffix == '.png'
    return None if same else ids


def ids_of_colours(
    pixels: np.ndarray,
    sample: CheckedSample,
    class_ids: dict[Colour, int],
    classes: int,
    path: Path,
) -> np.ndarray:
    """Convert colours (H, W, channels) to class ids (H, W).

    Raises:
        UserError: A colour has no id.
    """
    ids, strange = mapping(sample.colours, class_ids, classes)
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
    """Replace ids of a mask (H, W), all at once: 0 -> 1 and 1 -> 2 do not turn 0 into 2."""
    result = ids.astype(np.int32) if renamed else ids
    for old, new in renamed.items():
        result = np.where(ids == old, new, result)
    return result


def _turned(ids: np.ndarray, sample: CheckedSample, path: Path, image: Path) -> np.ndarray:
    """Turn a mask as the EXIF tag turns its image, if their sizes fit only then.

    Raises:
        UserError: The sizes do not fit in either case.
    """
    try:
        size = read_image(image).shape[:2]
    except UserError:
        return ids  # the image's own fault is in the table
    if ids.shape != size and sample.turn != 1:
        ids = np.array(Image.fromarray(ids).transpose(TURNS[sample.turn]))
    check_size(ids, size, path, image)
    return ids
