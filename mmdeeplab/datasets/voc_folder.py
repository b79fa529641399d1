"""Any folder in the layout of PASCAL VOC 2012."""

import os
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

from mmseg.datasets import BaseSegDataset

from mmdeeplab.command_names import tool
from mmdeeplab.datasets.files_by_id import FilesById, as_suffixes
from mmdeeplab.datasets.image_io import VOID, fault
from mmdeeplab.datasets.label_ids import LabelIds
from mmdeeplab.datasets.split_list import read_split, several_files, why_missing
from mmdeeplab.datasets.symlinks import check_list_name, refuse_links_out
from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.fileio.input_files import read_text
from mmdeeplab.registry import DATASETS
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette

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
        metainfo: ``classes`` may repeat the names of ``classes.txt``, to be compared; ``palette``
            has a colour (R, G, B) a class where VOC's are not wanted.
        ignore_index: The id that is void in the masks, besides 255.
        reduce_zero_label: In the masks 0 is void and id i + 1 is class i (ADE20K);
            ``classes.txt`` begins with the name of id 1.
        indices: Only so many samples of the list (an int: from its start, or below 0 from its
            end), or those at these places; the check of the data counts the same ones.
        serialize_data: Keep the list as bytes that worker processes share.
        lazy_init: Read the list when it is first asked for.
        max_refetch: Tries for another sample where a transform gives None.
        backend_args: Files are read from disks; None, or ``dict(backend='local')``.

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
        ignore_index: int = VOID,
        reduce_zero_label: bool = False,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        lazy_init: bool = False,
        max_refetch: int = 1000,
        backend_args: dict | None = None,
    ) -> None:
        self.label_ids = LabelIds(ignore_index, reduce_zero_label)
        check_backend(backend_args)
        root = Path(data_root)
        if message := missing_root(root, split):
            raise UserError(message)
        check_list_name(split)
        self.split, self.follow_links = split, follow_links
        self._classes_present: list[list[int]] | None = None
        if not follow_links:
            refuse_links_out(root, ['classes.txt'], root)
        classes = read_classes(root / 'classes.txt')
        check_class_names((metainfo or {}).get('classes', classes), classes, root)
        check_palette((metainfo or {}).get('palette'), len(classes))
        super().__init__(
            ann_file=f'ImageSets/Segmentation/{split}.txt',
            data_root=str(root),
            data_prefix=dict(img_path=image_dir, seg_map_path=mask_dir),
            metainfo={
                'palette': voc_palette(len(classes)),
                **(metainfo or {}),
                'classes': classes,
            },
            pipeline=list(pipeline),
            test_mode=test_mode,
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            ignore_index=ignore_index,
            reduce_zero_label=reduce_zero_label,
            indices=indices,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
            max_refetch=max_refetch,
        )

    def load_data_list(self) -> list[dict]:
        """Read the split; every id must have its image and its mask."""
        lists = Path(self.ann_file)
        if not self.follow_links and os.path.lexists(lists):
            refuse_links_out(lists.parent, [lists.name], Path(self.data_root))
        image_files, mask_files = self.files()
        ids = read_split(lists, image_files)
        check_indices(self._indices, len(ids), lists)
        images = self._find(image_files, ids, 'image')
        masks = self._find(mask_files, ids, 'mask')
        return [
            dict(
                id=name,
                img_path=str(image),
                seg_map_path=str(mask),
                num_classes=len(self._metainfo['classes']),
                label_map=self.label_ids.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for name, image, mask in zip(ids, images, masks, strict=True)
        ]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Ids of the classes in the mask of sample ``idx``, as ``ClassBalancedDataset`` asks for.

        What the check of the data has counted is remembered; masks it has not seen are read at the
        first call.

        Raises:
            UserError: A mask cannot be read; the message names it.
        """
        if self._classes_present is None:
            from mmdeeplab.datasets.check.scan import (
                classes_present,  # which reads data by this package
            )

            self._classes_present = classes_present(self)
        return self._classes_present[idx]

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


def check_palette(palette: Sequence | None, classes: int) -> None:
    """A palette has one colour a class.

    Raises:
        UserError: It has more or fewer.
    """
    if palette is not None and len(palette) != classes:
        raise UserError(
            f'metainfo.palette has {len(palette)} colours, there are {classes} classes; leave it '
            "out for VOC's colours"
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
