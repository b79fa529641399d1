"""Checks of a data set's settings: its folders, ``indices`` and ``backend_args``."""

from collections.abc import Sequence
from pathlib import Path

from mmdeeplab.command_names import tool
from mmdeeplab.datasets.prepare.recognise import advice
from mmdeeplab.errors import UserError


def missing_folder(folder: Path, split: str) -> str:
    """The sentence about a folder of images or masks that is missing; empty if it exists."""
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
    """The sentence about a data root that is missing; empty if it exists."""
    if root.is_dir():
        return ''
    if hint := advice(root):
        return f'no data at {root} (wanted for the split "{split}"): {hint}'
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
    """Refuse ``indices`` that lie outside a list of ``count`` samples, or choose none.

    Raises:
        UserError: It names the index and the list.
    """
    if isinstance(indices, (int, list, tuple)) and not indices and indices is not False:
        raise UserError(f'indices={indices} of a data set: that is no sample of {path}')
    if indices is None or (isinstance(indices, int) and not isinstance(indices, bool)):
        return
    is_list = isinstance(indices, Sequence) and not isinstance(indices, str)
    places: Sequence = list(indices) if isinstance(indices, Sequence) and is_list else [indices]
    bad = [i for i in places if not is_list or not isinstance(i, int) or not -count <= i < count]
    if bad:
        raise UserError(
            f'indices of a data set: {bad[0]!r} is no place in {path}, which has {count} ids; a '
            'number takes so many from its start, a list those at its places'
        )


def check_backend(backend_args: dict | None) -> None:
    """Refuse file backends of MMEngine other than the local disk.

    Links, sizes and times of change of the files are looked at, which others do not have.

    Raises:
        UserError: Another backend is asked for.
    """
    if backend_args and (backend := backend_args.get('backend')) not in ('local', 'disk'):
        raise UserError(
            f'backend_args of a data set: files are read from disks only, got backend={backend!r}; '
            'copy the data to a folder, or mount them there, and leave backend_args out'
        )
