"""Prepare PASCAL VOC 2012 with SBD's masks. Existing files are kept."""

import shutil
import sys
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from mmdeeplab.datasets.prepare_voc.layout import (
    AUG_MASKS,
    IMAGES,
    LISTS,
    MASKS,
    SHOWN,
    VOC_FOLDER,
    Prepared,
    fault,
    image_size,
    list_path,
    stems,
)
from mmdeeplab.datasets.prepare_voc.sbd import labels, masks, save
from mmdeeplab.datasets.prepare_voc.sources import SBD, VOC, Source, SplitCounts, obtain
from mmdeeplab.datasets.split_list import read_split, write_split
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive import extract
from mmdeeplab.fileio.atomic import placing

OWN = ('train', 'val')  # the lists that VOC brings
ALL = (*OWN, 'trainaug')


def prepare(
    root: Path,
    archives: Path,
    *,
    unverified: bool = False,
    quiet: bool = False,
    voc_source: Source = VOC,
    sbd_source: Source = SBD,
    counts: SplitCounts = SplitCounts(),
) -> Prepared:
    """Fill ``root/VOCdevkit/VOC2012`` with what the VOC configs read.

    Existing files are not overwritten, so an interrupted run can be repeated, and a complete folder
    is left as it is. ``SegmentationClassAug`` gets the masks of trainaug: VOC's own, with their
    void borders, for the images of train, and SBD's for the others.

    Args:
        root: Folder in which ``VOCdevkit`` lies.
        archives: Folder of the archives; missing ones are downloaded into it.
        unverified: Accept existing archives whatever their checksum.
        quiet: Show no progress.
        voc_source: VOC's archive; tests use another one.
        sbd_source: SBD's archive; tests use another one.
        counts: Number of images in each list; tests use fewer.

    Raises:
        UserError: An archive is missing, broken or not the published one; files of the user are in
            the way; or the lists are not complete.
    """
    voc = root / VOC_FOLDER
    if not fault(voc, counts, ALL):
        return Prepared(voc, False)
    if fault(voc, counts, OWN):
        archive = obtain(voc_source, archives, unverified, quiet)
        extract(archive, root, wanted=_is_used, quiet=quiet)
        require(voc, counts, OWN)
    archive = obtain(sbd_source, archives, unverified, quiet)
    train, val = (set(read_split(list_path(voc, split))) for split in OWN)
    hidden = True if quiet else None
    with tqdm(total=counts.trainaug, desc='masks', unit='mask', disable=hidden) as bar:
        voc_differing = copy_masks(voc, train, bar)
        sbd_ids, sbd_differing = convert_masks(voc, archive, train | val, bar)
    if differing := sorted(voc_differing | sbd_differing):
        print(
            f'warning: {len(differing):,} masks in {voc / AUG_MASKS} differ from those of VOC and '
            f'SBD and are kept: {", ".join(differing[:SHOWN])}; move them away to have them made '
            'again',
            file=sys.stderr,
        )
    write_split(list_path(voc, 'trainaug'), train | sbd_ids, 'VOC and SBD')
    require(voc, counts, ALL)
    return Prepared(voc, True)


def _is_used(name: PurePosixPath) -> bool:
    """Whether a member of VOC's archive is needed: images, masks of the classes, their lists."""
    folder = name.parent.as_posix()
    return folder in {f'{VOC_FOLDER}/{part}' for part in (IMAGES, MASKS, LISTS)}


def require(voc: Path, counts: SplitCounts, splits: tuple[str, ...]) -> None:
    """Refuse splits that are not complete.

    Raises:
        UserError: It says what is missing.
    """
    if text := fault(voc, counts, splits):
        raise UserError(f'{voc} is not complete: {text}')


def copy_masks(voc: Path, ids: set[str], bar: tqdm) -> set[str]:
    """Copy VOC's masks of ``ids`` to ``SegmentationClassAug``.

    Returns:
        The ids for which another mask was there already, which is kept.
    """
    present = stems(voc / AUG_MASKS, '.png')
    differing = set()
    for i in sorted(ids):
        source, target = voc / MASKS / f'{i}.png', voc / AUG_MASKS / f'{i}.png'
        if i not in present:
            with placing(target) as partial:
                shutil.copyfile(source, partial)
        elif source.read_bytes() != target.read_bytes():
            differing.add(i)
        bar.update()
    return differing


def convert_masks(
    voc: Path, archive: Path, without: set[str], bar: tqdm
) -> tuple[set[str], set[str]]:
    """Write SBD's masks to ``SegmentationClassAug``, except those of the ids in ``without``.

    Returns:
        The ids of these masks, and those for which another mask was there already, which is kept.

    Raises:
        UserError: A mask does not fit its image.
    """
    present = stems(voc / AUG_MASKS, '.png')
    ids, differing = set(), set()
    for i, body in masks(archive):
        if i in without:
            continue
        ids.add(i)
        mask = labels(body, f'{i}.mat of {archive}')
        target = voc / AUG_MASKS / f'{i}.png'
        if i not in present:
            image = voc / IMAGES / f'{i}.jpg'
            if mask.shape != (size := image_size(image)):
                height, width = size
                raise UserError(f'{image} is {height} x {width}, its mask in SBD {mask.shape}')
            with placing(target) as partial:
                save(mask, partial)
        elif not holds(target, mask):
            differing.add(i)
        bar.update()
    return ids, differing


def holds(path: Path, mask: np.ndarray) -> bool:
    """Whether a file is a picture whose pixels are the ids of ``mask`` (H, W)."""
    try:
        with Image.open(path) as opened:
            return np.array_equal(np.asarray(opened), mask)
    except (OSError, SyntaxError, ValueError):
        return False
