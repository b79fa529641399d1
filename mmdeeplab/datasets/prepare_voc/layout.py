"""The files and folders of VOC2012, and whether they are complete."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from mmdeeplab.datasets.prepare_voc.sources import SplitCounts
from mmdeeplab.datasets.split_list import read_split
from mmdeeplab.errors import UserError

SHOWN = 5  # offenders that an error spells out
VOC_FOLDER = 'VOCdevkit/VOC2012'
IMAGES, MASKS, AUG_MASKS = 'JPEGImages', 'SegmentationClass', 'SegmentationClassAug'
LISTS = 'ImageSets/Segmentation'
MASK_FOLDERS = {'train': MASKS, 'val': MASKS, 'trainaug': AUG_MASKS}


class Prepared(NamedTuple):
    """The folder of a prepared data set, and whether anything had to be done for it."""

    folder: Path
    changed: bool


def list_path(voc: Path, split: str) -> Path:
    """The file that lists the ids of a split."""
    return voc / LISTS / f'{split}.txt'


def fault(voc: Path, counts: SplitCounts, splits: Iterable[str]) -> str:
    """What is missing or wrong in some splits, in words; empty if they are complete."""
    seen: dict[str, set[str]] = {}
    for split in splits:
        path, expected = list_path(voc, split), getattr(counts, split)
        if not path.is_file():
            return f'there is no {path}'
        try:
            ids = read_split(path)
        except UserError as error:
            return str(error)
        seen[split] = set(ids)
        if len(ids) != expected or len(seen[split]) != expected:
            return (
                f'{path} names {len(seen[split]):,} images in {len(ids):,} lines, not {expected:,}'
            )
        for folder, suffix in ((IMAGES, '.jpg'), (MASK_FOLDERS[split], '.png')):
            missing = sorted(seen[split] - stems(voc / folder, suffix))
            if missing:
                names = ', '.join(missing[:SHOWN])
                return f'{len(missing):,} files of {path} are not in {voc / folder}: {names}'
    return overlap(seen)


def overlap(ids: dict[str, set[str]]) -> str:
    """The validation images that are also training images, in words; empty if there are none."""
    for split in set(ids) - {'val'}:
        if shared := sorted(ids[split] & ids.get('val', set())):
            return f'{len(shared):,} images of val are in {split}, too: {", ".join(shared[:SHOWN])}'
    return ''


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of an image by its header.

    Raises:
        UserError: The image is missing or broken.
    """
    try:
        with Image.open(path) as opened:
            return opened.height, opened.width
    except Exception as error:  # Pillow raises many kinds for broken files
        raise UserError(f'the image {path} is missing or broken: {error}') from error


def stems(folder: Path, suffix: str) -> set[str]:
    """Names, without their suffix, of the files in a folder that have this suffix."""
    if not folder.is_dir():
        return set()
    return {path.stem for path in folder.iterdir() if path.suffix == suffix}
