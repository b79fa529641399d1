"""Find the layout of a folder of images and masks, and divide it into train and val."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from mmdeeplab.datasets.discovery.pairs import Pairs, pair
from mmdeeplab.datasets.files_by_id import FilesById
from mmdeeplab.datasets.split_list import read_split
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_regular, is_system_folder, list_files

IMAGES = ('JPEGImages', 'images', 'image', 'imgs', 'img', 'photos', 'leftImg8bit')
MASKS = (
    'SegmentationClass', 'masks', 'mask', 'labels', 'label', 'annotations', 'annotation',
    'segmentations', 'gt', 'gtFine',
)  # fmt: skip
TRAIN = ('train', 'training')
VAL = ('val', 'valid', 'validation', 'test', 'testing')
SUPPORTED = (
    'JPEGImages/ and SegmentationClass/ with ImageSets/Segmentation/{train,val}.txt; images/ and '
    'masks/, with or without train/ and val/ in both; train/ and val/ with images/ and masks/ in '
    'both; or everything in one folder as NAME.jpg and NAME.png or NAME_mask.png'
)


@dataclass(frozen=True)
class Layout:
    """The layout of a folder.

    Attributes:
        root: The folder.
        how: The layout in words.
        train: Pairs of images and masks to train on.
        val: Pairs for validation.
        listed: Whether the lists of both splits are already where the data set looks for them.
    """

    root: Path
    how: str
    train: Pairs
    val: Pairs
    listed: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about files that were left out."""
        return (*self.train.notes, *self.val.notes)


def find_layout(root: Path, val_share: float = 0.2) -> Layout:
    """Find the layout of a folder.

    Args:
        root: The folder.
        val_share: Share of the pairs for validation, if the folder does not say which they are.

    Raises:
        UserError: There is no such folder, or it has none of the known layouts.
    """
    if not root.is_dir():
        raise UserError(f'--data: no folder at {root}')
    images, masks = child(root, IMAGES), child(root, MASKS)
    train, val = child(root, TRAIN), child(root, VAL)
    if images and masks:
        return two_folders(root, images, masks, val_share)
    if train and val:
        how = f'{train.name}/ and {val.name}/ with images and masks'
        return Layout(root, how, pair(*inside(train)), pair(*inside(val)))
    if list_files(root).names:
        pairs = pair(root, root)
        return Layout(root, 'images and masks in one folder', *divide(pairs, val_share))
    contents = ', '.join(sorted(path.name for path in root.iterdir())[:8]) or 'nothing'
    raise UserError(f'{root} holds {contents}; known are: {SUPPORTED}')


def two_folders(root: Path, images: Path, masks: Path, val_share: float) -> Layout:
    """The layout with one folder of images and one of masks, divided at random."""
    how = f'{images.name}/ and {masks.name}/'
    lists = [root / 'ImageSets' / 'Segmentation' / f'{split}.txt' for split in (TRAIN[0], *VAL)]
    lists = [path for path in lists if is_regular(path, 'list')]
    if len(lists) > 1 and lists[0].stem == TRAIN[0]:
        pairs = pair(images, masks)
        train, val = (replace(pairs, ids=_ids(path, pairs), notes=()) for path in lists[:2])
        listed = lists[1].stem == VAL[0]
        return Layout(root, f"{how} with VOC's lists", train, val, listed=listed)
    inner = [child(folder, names) for names in (TRAIN, VAL) for folder in (images, masks)]
    folders = [folder for folder in inner if folder]
    if len(folders) == len(inner):
        how = f'{how} with train and val in both'
        return Layout(root, how, pair(*folders[:2]), pair(*folders[2:]))
    pairs = pair(images, masks)
    if lists and (others := {*pairs.ids} - {*_ids(lists[0], pairs)}):
        raise UserError(
            f'{lists[0]} leaves out {len(others)} of {len(pairs.ids)} images, and there is no list '
            'of the other split: write train.txt and val.txt there'
        )
    return Layout(root, how, *divide(pairs, val_share))


def _ids(path: Path, pairs: Pairs) -> tuple[str, ...]:
    return tuple(read_split(path, FilesById(pairs.images, pairs.image_suffixes)))


def child(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first subfolder with one of the names, in upper or lower case; None if there is none."""
    folders = {
        path.name.lower(): path
        for path in folder.iterdir()
        if path.is_dir() and not is_system_folder(path.name)
    }
    return next((folders[name.lower()] for name in names if name.lower() in folders), None)


def inside(folder: Path) -> tuple[Path, Path]:
    """The folders of images and of masks in ``train/`` or ``val/``; that folder itself if none."""
    images, masks = child(folder, IMAGES), child(folder, MASKS)
    return (images, masks) if images and masks else (folder, folder)


def divide(pairs: Pairs, val_share: float) -> tuple[Pairs, Pairs]:
    """Divide pairs into train and val at random, but always in the same way, by hashes of the ids.

    Raises:
        UserError: There are fewer than two pairs, or the share is not between 0 and 1.
    """
    if len(pairs.ids) < 2:
        raise UserError(f'{pairs.images} has {len(pairs.ids)} image with a mask; at least 2 needed')
    if not 0 < val_share < 1:
        raise UserError(f'--val-share lies between 0 and 1, got {val_share}')
    order = sorted(pairs.ids, key=lambda name: hashlib.sha256(name.encode()).digest())
    count = min(max(1, round(val_share * len(order))), len(order) - 1)
    val, train = sorted(order[:count]), sorted(order[count:])
    return replace(pairs, ids=tuple(train)), replace(pairs, ids=tuple(val), notes=())


def hold_out(layout: Layout, prefixes: tuple[str, ...]) -> Layout:
    """Evaluate on the ids that begin so, train on all others: whole films, patients or places.

    Args:
        layout: Its own split is given up.
        prefixes: Beginnings of ids, e.g. ``('film3_',)``.

    Raises:
        UserError: A prefix that no id has, nothing left to train on, or a layout whose train and
            val lie in folders of their own.
    """
    train, val = layout.train, layout.val
    if (train.images, train.masks) != (val.images, val.masks):
        raise UserError(
            f'--val-prefix: validation has a folder of its own, {val.images}: move its files'
        )
    ids = sorted({*train.ids, *val.ids})
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in ids):
            raise UserError(f'--val-prefix: no image of {train.images} begins with {prefix!r}')
    val_ids = tuple(name for name in ids if name.startswith(prefixes))
    train_ids = tuple(sorted({*ids} - {*val_ids}))
    if not train_ids:
        raise UserError(
            f'--val-prefix: every image of {train.images} begins so, none is left to train'
        )
    train, val = replace(train, ids=train_ids), replace(val, ids=val_ids)
    return replace(layout, train=train, val=val, listed=False)
