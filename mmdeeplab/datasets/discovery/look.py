"""Find out what is in the images and masks: sizes, ids, names of the classes."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.check.levels import has_holes
from mmdeeplab.datasets.check.report import CheckedSource
from mmdeeplab.datasets.check.sample import CheckedSample
from mmdeeplab.datasets.check.scan import scan
from mmdeeplab.datasets.check.source import Source
from mmdeeplab.datasets.class_names import read_classes
from mmdeeplab.datasets.discovery.layout import Layout
from mmdeeplab.datasets.discovery.levels import Levels, guess_levels
from mmdeeplab.datasets.discovery.pairs import Pairs
from mmdeeplab.datasets.files_by_id import FilesById
from mmdeeplab.datasets.image_io import read_bytes, read_header
from mmdeeplab.datasets.stored_images import stored_kind
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_regular
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, require_byte_ids

SIZES_READ = 100  # headers; enough for the middle


def source(root: Path, pairs: Pairs, role: str, pixels: Pixels | None) -> Source:
    """Pairs of images and masks as a :class:`Source` of unknown classes, for the check of data."""
    return Source(
        root=root,
        split=role,
        images=pairs.images,
        masks=pairs.masks,
        image_suffixes=pairs.image_suffixes,
        mask_suffixes=pairs.mask_suffixes,
        classes=(),
        pixels=pixels,
        keys=(f'{role}_dataloader.dataset',),
    )


def look(
    layout: Layout, workers: int | None = None, pixels: Pixels | None = None
) -> list[CheckedSource]:
    """Check every pair of a layout (:func:`mmdeeplab.datasets.check.scan.scan`).

    Args:
        layout: The layout of the folder.
        workers: Number of processes; by default one per core.
        pixels: Bands and depth if images are read as they are stored; None: RGB of 8 bits.
    """
    checked = []
    for role, pairs in (('train', layout.train), ('val', layout.val)):
        split_source = source(layout.root, pairs, role, pixels)
        checked.append(
            CheckedSource(split_source, list(pairs.ids), scan(split_source, pairs.ids, workers))
        )
    return checked


def typical_size(pairs: Pairs, pixels: Pixels | None = None) -> tuple[int, int]:
    """Median (H, W) of the images: upright, or as stored if ``pixels`` says so."""
    step = max(1, len(pairs.ids) // SIZES_READ)
    sizes = []
    files = FilesById(pairs.images, pairs.image_suffixes)
    for name in pairs.ids[::step]:
        path = files.path(name)
        data = read_bytes(path, 'image')
        if pixels is not None:
            sizes.append(stored_kind(data, path)[0])
            continue
        header = read_header(data, path, 'image')
        turned = header.swaps
        sizes.append((header.width, header.height) if turned else (header.height, header.width))
    height, width = np.median(sizes, axis=0).astype(int).tolist()
    return height, width


def ids_of(checked: list[CheckedSource], named: bool) -> set[int]:
    """All ids in the masks but void.

    Args:
        checked: What the check found in the masks.
        named: Whether the names of the classes are given, so that some may never occur.

    Raises:
        UserError: The masks do not show the classes: they have colours, grey levels, only 0 and
            255, or a single id.
    """
    samples = [sample for checked_source in checked for sample in checked_source.samples.values()]
    ids = {int(i) for sample in samples for i in sample.counts}
    masks = checked[0].source.masks
    if not ids:
        raise UserError(_why_none(checked, samples))
    if ids <= {0, IGNORE_INDEX} and IGNORE_INDEX in ids:
        raise UserError(
            f'the masks in {masks} hold 0 and {IGNORE_INDEX} only, and {IGNORE_INDEX} means "not '
            f'labelled": --mend writes copies with 1 for {IGNORE_INDEX}'
        )
    labels = ids - {IGNORE_INDEX}
    if len(labels) < 2:
        raise UserError(
            f'the masks in {masks} hold the id {min(labels, default=IGNORE_INDEX)} only; '
            'there must be two classes to tell apart'
        )
    levels = None if named and max(labels) < IGNORE_INDEX else guess_levels(checked)
    if levels and not levels.as_they_are:
        raise UserError(_why_no_ids(masks, ids, levels))
    return labels


def is_named(root: Path, classes_option: str, checked: list[CheckedSource]) -> bool:
    """Whether the classes are named: by ``--classes``, ``classes.txt``, or as VOC's all occur."""
    ids = {
        int(i)
        for checked_source in checked
        for sample in checked_source.samples.values()
        for i in sample.counts
    }
    is_voc = (root / 'JPEGImages').is_dir() and max(ids - {IGNORE_INDEX}, default=0) + 1 == len(
        VOC_CLASSES
    )
    return bool(classes_option) or os.path.lexists(root / 'classes.txt') or is_voc


def _why_no_ids(masks: Path, ids: Iterable[int], levels: Levels) -> str:
    way = (
        f'--mend writes copies with {levels}; --map OLD=NEW says it otherwise, and --classes A,B,C '
        'names every id if some classes just do not occur'
    )
    if levels.edges:
        values = ', '.join(map(str, levels.ids))
        return (
            f'the masks in {masks} have soft edges (from scaling, smoothing or JPEG): areas of '
            f'{values}, and {levels.edges} values between that are no classes; {way}'
        )
    listed = sorted(ids)
    values = ', '.join(map(str, listed[:8])) + (', ...' if len(listed) > 8 else '')
    return f'the masks in {masks} hold {values}: grey levels, as ids have no holes; {way}'


def _why_none(checked: list[CheckedSource], samples: list[CheckedSample]) -> str:
    masks = checked[0].source.masks
    if levels := guess_levels(checked):
        return (
            f'the masks in {masks} are saved in colour, as JPEG or as fractions, but hold grey '
            f'values: --mend writes copies with {levels}; --map OLD=NEW says it otherwise'
        )
    coloured = [sample for sample in samples if sample.colours]
    if not coloured:
        faults = [words for sample in samples for _, _, words in sample.faults]
        return f'no mask can be read: {faults[0] if faults else "they are empty"}'
    colours = {colour for sample in coloured for colour in sample.colours}
    named = ', '.join(f'({colour.replace(",", ", ")})' for colour in sorted(colours)[:4])
    return (
        f'the masks in {masks} are pictures in colour ({named}), not class ids: '
        '--mend with --colours FILE writes ids, "R G B NAME" a line'
    )


def class_names(root: Path, classes_option: str, ids: set[int]) -> tuple[str, ...]:
    """Names of the classes in id order.

    They are those given; else those of ``classes.txt``; else VOC's, if its last id occurs; else
    numbers.

    Raises:
        UserError: There are fewer names than ids, an empty one, or more ids than a mask can hold.
    """
    count = max(ids) + 1
    require_byte_ids(count)
    if classes_option:
        names = tuple(name.strip() for name in classes_option.split(','))
        where = '--classes'
        if not all(names):
            raise UserError(f'--classes {classes_option}: a name between two commas is missing')
    elif is_regular(root / 'classes.txt', 'list of classes'):
        names, where = read_classes(root / 'classes.txt'), str(root / 'classes.txt')
    elif (root / 'JPEGImages').is_dir() and count == len(VOC_CLASSES):
        return VOC_CLASSES
    else:
        return tuple(f'class_{i}' for i in range(count))
    if len(names) < count or len(set(names)) < len(names):
        raise UserError(
            f'{where} names {", ".join(names)}; the masks hold ids up to {max(ids)}, so there are '
            f'at least {count} different names'
            + (' (or grey levels, for which --mend writes ids)' if has_holes(ids) else '')
        )
    return names
