"""Any folder in the layout of PASCAL VOC 2012."""

import os
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

from mmseg.datasets import BaseSegDataset

from mmdeeplab.datasets.files import fault
from mmdeeplab.datasets.inside import check_list_name, refuse_links_out
from mmdeeplab.datasets.split_list import read_split, why_missing
from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.input_files import read_text
from mmdeeplab.registry import DATASETS
from mmdeeplab.shipped import tool
from mmdeeplab.voc_names import VOC_CLASSES, voc_palette

SHOWN = 5  # offenders that an error spells out


@DATASETS.register_module()
class VOCFolderDataset(BaseSegDataset):
    """Photographs and palette masks as in VOC 2012::

        DATA_ROOT/JPEGImages/ID.jpg
        DATA_ROOT/SegmentationClass/ID.png          class ids, 255 = void
        DATA_ROOT/ImageSets/Segmentation/SPLIT.txt  one ID a line
        DATA_ROOT/classes.txt                       one name a line, in id order

    Without ``classes.txt`` the classes are VOC's 21.

    Args:
        data_root: The folder.
        split: Name of the list of ids.
        mask_dir: Folder of the masks (``SegmentationClassAug`` for VOC's trainaug).
        image_dir: Folder of the images.
        pipeline: Transforms.
        test_mode: Never replace a bad sample by another one.
        follow_links: Take single files that are links out of DATA_ROOT.
        metainfo: ``classes`` may repeat the names of ``classes.txt``, to be compared.
        kwargs: :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        UserError: The folder, list, an image or a mask is missing; every message names the path
            and the next command.
    """

    def __init__(
        self,
        data_root: str,
        split: str,
        mask_dir: str = 'SegmentationClass',
        image_dir: str = 'JPEGImages',
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        follow_links: bool = False,
        metainfo: dict | None = None,
        **kwargs: object,
    ) -> None:
        root = Path(data_root)
        if message := missing_root(root, split):
            raise UserError(message)
        check_list_name(split)
        self.split, self.follow_links = split, follow_links
        if not follow_links:
            refuse_links_out(root, ['classes.txt'], root)
        classes = read_classes(root / 'classes.txt')
        check_class_names((metainfo or {}).get('classes', classes), classes, root)
        super().__init__(
            ann_file=f'ImageSets/Segmentation/{split}.txt',
            data_root=str(root),
            data_prefix=dict(img_path=image_dir, seg_map_path=mask_dir),
            metainfo=dict(classes=classes, palette=voc_palette(len(classes))),
            pipeline=list(pipeline),
            test_mode=test_mode,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read the split; every id must have its image and its mask."""
        images = Path(self.data_prefix['img_path'])
        masks = Path(self.data_prefix['seg_map_path'])
        lists = Path(self.ann_file)
        if not self.follow_links and lists.is_file():
            refuse_links_out(lists.parent, [lists.name], Path(self.data_root))
        ids = read_split(lists)
        self._check_files(images, ids, self.img_suffix, 'image')
        self._check_files(masks, ids, self.seg_map_suffix, 'mask')
        return [
            dict(
                img_path=str(images / f'{i}{self.img_suffix}'),
                seg_map_path=str(masks / f'{i}{self.seg_map_suffix}'),
                num_classes=len(self._metainfo['classes']),
                label_map=None,
                reduce_zero_label=False,
                seg_fields=[],
            )
            for i in ids
        ]

    def _check_files(self, folder: Path, ids: Sequence[str], suffix: str, what: str) -> None:
        if message := missing_folder(folder, self.split):
            raise fault('missing-folder', message)
        here = {path.name for path in folder.iterdir()}
        missing = [
            i
            for i in ids
            if f'{i}{suffix}' not in here and not ('/' in i and (folder / f'{i}{suffix}').is_file())
        ]
        if missing:
            names = ', '.join(f'{i}{suffix}' for i in missing[:SHOWN])
            kind, words = why_missing(folder, missing[0], suffix, what)
            raise fault(
                kind,
                f'{len(missing)} of {len(ids)} files that {self.ann_file} names are not in '
                f'{folder}: {names}{", ..." if len(missing) > SHOWN else ""} ({words})',
            )
        if not self.follow_links:
            refuse_links_out(folder, [f'{i}{suffix}' for i in ids], Path(self.data_root))


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
    if 'mini' in root.name:
        return f'no data at {root}; draw them: {tool("make_mini_voc")} --out {root}'
    return (
        f'no data at {root} (wanted for the split "{split}"). Name your folder with '
        '--data-root DIR: it holds JPEGImages, SegmentationClass and '
        'ImageSets/Segmentation. VOC 2012 unpacks to VOCdevkit/VOC2012. To try without a '
        f'download: {tool("make_mini_voc")} --out data/mini-voc, then '
        'configs/deeplabv3plus_xception_mini-voc.py'
    )


def read_classes(path: Path) -> tuple[str, ...]:
    """Class names, one a line in id order; VOC's where there is no file.

    Raises:
        UserError: A name occurs twice, there are none, or the file cannot be read.
    """
    if not os.path.lexists(path):
        return VOC_CLASSES
    names = [line.strip() for line in read_text(path, 'list of classes').splitlines()]
    names = [name for name in names if name]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if not names or doubled:
        what = f'names {", ".join(doubled)} more than once' if doubled else 'names no class'
        raise UserError(f'{path} {what}; it holds one class name a line, in id order')
    return tuple(names)


def check_class_names(given: Sequence[str], classes: Sequence[str], root: Path) -> None:
    """Class names of a config must be the data's, in the same order.

    Raises:
        UserError: At the first that is not.
    """
    for number, (name, own) in enumerate(zip_longest(given, classes)):
        if name != own:
            hint = did_you_mean(str(name), classes) if name not in classes else ''
            raise UserError(
                f'metainfo.classes: class {number} is {name!r}, but {own!r} in {root} (its '
                f"classes.txt, or VOC's 21 without one){hint}"
            )
