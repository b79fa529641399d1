"""Any folder in the layout of PASCAL VOC 2012."""

import os
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

from mmseg.datasets import BaseSegDataset

from mmdeeplab.datasets.files import fault
from mmdeeplab.datasets.files_by_id import FilesById, as_suffixes
from mmdeeplab.datasets.inside import check_list_name, refuse_links_out
from mmdeeplab.datasets.split_list import read_split, several_files, why_missing
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
        img_suffix: What stands behind an id in the name of its image: one suffix, or several where
            they differ, e.g. ``('.jpg', '.JPG', '.png')``.
        seg_map_suffix: The same of masks, e.g. ``('.png', '_mask.png')``; with a ``*`` where the id
            does not stand first: ``'mask_*.png'``.
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
        img_suffix: str | Sequence[str] = '.jpg',
        seg_map_suffix: str | Sequence[str] = '.png',
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
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            metainfo=dict(classes=classes, palette=voc_palette(len(classes))),
            pipeline=list(pipeline),
            test_mode=test_mode,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read the split; every id must have its image and its mask."""
        lists = Path(self.ann_file)
        if not self.follow_links and os.path.lexists(lists):
            refuse_links_out(lists.parent, [lists.name], Path(self.data_root))
        image_files, mask_files = self.files()
        ids = read_split(lists, image_files)
        images = self._find(image_files, ids, 'image')
        masks = self._find(mask_files, ids, 'mask')
        return [
            dict(
                img_path=str(image),
                seg_map_path=str(mask),
                num_classes=len(self._metainfo['classes']),
                label_map=None,
                reduce_zero_label=False,
                seg_fields=[],
            )
            for image, mask in zip(images, masks, strict=True)
        ]

    def files(self) -> tuple[FilesById, FilesById]:
        """The images and the masks by the ids of the list."""
        return (
            FilesById(
                Path(self.data_prefix['img_path']), as_suffixes(self.img_suffix, 'img_suffix')
            ),
            FilesById(
                Path(self.data_prefix['seg_map_path']),
                as_suffixes(self.seg_map_suffix, 'seg_map_suffix'),
            ),
        )

    def _find(self, files: FilesById, ids: Sequence[str], what: str) -> list[Path]:
        """The file of each id."""
        if message := missing_folder(files.folder, self.split):
            raise fault('missing-folder', message)
        names = {name: files.names(name) for name in ids}
        missing = [name for name in ids if not names[name]]
        if missing:
            first = [str(files.path(name).relative_to(files.folder)) for name in missing[:SHOWN]]
            kind, words = why_missing(files, missing[0], what)
            raise fault(
                kind,
                f'{len(missing)} of {len(ids)} files that {self.ann_file} names are not in '
                f'{files.folder}: {", ".join(first)}{", ..." if len(missing) > SHOWN else ""} '
                f'({words})',
            )
        if doubled := next((name for name in ids if len(names[name]) > 1), None):
            words = several_files(doubled, names[doubled], what)
            raise fault('several-files', f'{files.folder}: {words}')
        found = [names[name][0] for name in ids]
        if not self.follow_links:
            refuse_links_out(files.folder, found, Path(self.data_root))
        return [files.folder / name for name in found]


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
