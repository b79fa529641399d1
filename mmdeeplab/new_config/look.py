"""What is in the images and masks: sizes, ids, names of the classes."""

from pathlib import Path

import numpy as np

from mmdeeplab.check.report import Look
from mmdeeplab.check.sample import Sample
from mmdeeplab.check.scan import scan
from mmdeeplab.check.sources import Source
from mmdeeplab.datasets.files import VOID, read_bytes, read_header
from mmdeeplab.datasets.files_by_id import FilesById
from mmdeeplab.datasets.voc_folder import read_classes
from mmdeeplab.errors import UserError
from mmdeeplab.new_config.layout import Layout
from mmdeeplab.new_config.pairs import Pairs
from mmdeeplab.voc_names import VOC_CLASSES

SIZES_READ = 100  # headers; enough for the middle


def source(root: Path, pairs: Pairs, role: str, classes: tuple[str, ...] = ()) -> Source:
    """The pairs as the check of data sets knows them."""
    return Source(
        root=root,
        split=role,
        images=pairs.images,
        masks=pairs.masks,
        image_suffixes=pairs.image_suffixes,
        mask_suffixes=pairs.mask_suffixes,
        classes=classes,
        roles=(role,),
    )


def look(layout: Layout, workers: int | None = None) -> list[Look]:
    """Read every pair, or remember it (:mod:`mmdeeplab.check.scan`)."""
    looks = []
    for role, pairs in (('train', layout.train), ('val', layout.val)):
        where = source(layout.root, pairs, role)
        looks.append(Look(where, list(pairs.ids), scan(where, pairs.ids, workers)))
    return looks


def typical_size(pairs: Pairs) -> tuple[int, int]:
    """Median (H, W) of images, upright."""
    step = max(1, len(pairs.ids) // SIZES_READ)
    sizes = []
    files = FilesById(pairs.images, pairs.image_suffixes)
    for name in pairs.ids[::step]:
        path = files.path(name)
        header = read_header(read_bytes(path, 'image'), path, 'image')
        turned = header.orientation >= 5
        sizes.append((header.width, header.height) if turned else (header.height, header.width))
    height, width = np.median(sizes, axis=0).astype(int).tolist()
    return height, width


def ids_of(looks: list[Look]) -> set[int]:
    """Every id of the masks but void.

    Raises:
        UserError: The masks tell no classes: colours, or 0 and 255 only, or a single id.
    """
    samples = [sample for one in looks for sample in one.samples.values()]
    ids = {int(i) for sample in samples for i in sample.counts}
    if not ids:
        raise UserError(_why_none(looks[0], samples))
    if ids <= {0, VOID} and VOID in ids:
        raise UserError(
            f'the masks in {looks[0].source.masks} hold 0 and {VOID} only, and {VOID} means "not '
            f'labelled": --mend writes copies with 1 for {VOID}'
        )
    found = {i for i in ids if i != VOID}
    if len(found) < 2:
        raise UserError(
            f'the masks in {looks[0].source.masks} hold the id {min(found, default=VOID)} only; '
            'there must be two classes to tell apart'
        )
    if max(found) > VOID:
        raise UserError(
            f'the masks in {looks[0].source.masks} hold ids up to {max(found)}; at most 254 fit'
        )
    return found


def _why_none(first: Look, samples: list[Sample]) -> str:
    coloured = [sample for sample in samples if sample.colours]
    if not coloured:
        faults = [words for sample in samples for _, _, words in sample.faults]
        return f'no mask can be read: {faults[0] if faults else "they are empty"}'
    colours = {colour for sample in coloured for colour in sample.colours}
    named = ', '.join(f'({colour.replace(",", ", ")})' for colour in sorted(colours)[:4])
    return (
        f'the masks in {first.source.masks} are pictures in colour ({named}), not class ids: '
        '--mend with --colours FILE writes ids, "R G B NAME" a line'
    )


def class_names(root: Path, wish: str, ids: set[int]) -> tuple[str, ...]:
    """Names in id order: those given, classes.txt, VOC's where its last id occurs, or numbers.

    Raises:
        UserError: Fewer names than ids.
    """
    count = max(ids) + 1
    if wish:
        names = tuple(name.strip() for name in wish.split(','))
        where = '--classes'
    elif (root / 'classes.txt').is_file():
        names, where = read_classes(root / 'classes.txt'), str(root / 'classes.txt')
    elif (root / 'JPEGImages').is_dir() and count == len(VOC_CLASSES):
        return VOC_CLASSES
    else:
        return tuple(f'class_{i}' for i in range(count))
    if len(names) < count or len(set(names)) < len(names):
        raise UserError(
            f'{where} names {", ".join(names)}; the masks hold ids up to {max(ids)}, so there are '
            f'at least {count} different names'
        )
    return names
