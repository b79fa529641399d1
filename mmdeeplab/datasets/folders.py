"""Folders of a data set that are not there, and settings that cannot be kept."""

from collections.abc import Sequence
from pathlib import Path

from mmdeeplab.command_names import tool
from mmdeeplab.datasets.prepare.recognise import advice
from mmdeeplab.errors import UserError


def missing_folder(folder: Path, split: str) -> str:
    """What to tell when a folder of images or masks is not there; empty when it is."""
    if folder.is_dir():
        return ''
    return f'no folder {folder}, wanted for the split "{split}"' + (
        "; the augmented masks are SBD's. To train on VOC's own 1,464 images: "
        '--cfg-options train_dataloader.dataset.split=train '
        'train_dataloader.dataset.mask_dir=SegmentationClass'
        if folder.name.endswith('Aug')
        else ''
    )


def missing_root(root: Path, split: str) -> str:
    """What to tell when there is no folder ``root``; empty when there is one."""
    if root.is_dir():
        return ''
    if known := advice(root):
        return f'no data at {root} (wanted for the split "{split}"): {known}'
    if 'mini' in root.name:
        return f'no data at {root}; draw them: {tool("make_mini_voc")} --out {root}'
    return (
        f'no data at {root} (wanted for the split "{split}"). Name your folder with '
        '--data-root DIR: it holds JPEGImages, SegmentationClass and '
        'ImageSets/Segmentation. VOC 2012 unpacks to VOCdevkit/VOC2012. To try without a '
        f'download: {tool("make_mini_voc")} --out data/mini-voc, then '
        'configs/deeplabv3plus_xception_mini-voc.py'
    )


def check_indices(indices: int | Sequence[int] | None, count: int, path: Path) -> None:
    """Places in a list must be places of the list.

    Raises:
        UserError: One is not.
    """
    if indices is None or (isinstance(indices, int) and not isinstance(indices, bool)):
        return
    listed = isinstance(indices, Sequence) and not isinstance(indices, str)
    places: Sequence = list(indices) if isinstance(indices, Sequence) and listed else [indices]
    bad = [i for i in places if not listed or not isinstance(i, int) or not -count <= i < count]
    if bad:
        raise UserError(
            f'indices of a data set: {bad[0]!r} is no place in {path}, which has {count} ids; a '
            'number takes so many from its start, a list those at its places'
        )


def check_backend(backend_args: dict | None) -> None:
    """Files are read from disks, as links, sizes and times of change are looked at, too.

    Raises:
        UserError: Another file backend of MMEngine is asked for.
    """
    if backend_args and (backend := backend_args.get('backend')) not in ('local', 'disk'):
        raise UserError(
            f'backend_args of a data set: files are read from disks only, got backend={backend!r}; '
            'copy the data to a folder, or mount them there, and leave backend_args out'
        )
