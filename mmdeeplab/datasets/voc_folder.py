"""Any folder in the layout of PASCAL VOC 2012."""

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from mmdeeplab.datasets.check.classes_present import classes_present
from mmdeeplab.datasets.check.source import Source
from mmdeeplab.datasets.class_names import classes_of
from mmdeeplab.datasets.files_by_id import FilesById, as_suffixes
from mmdeeplab.datasets.folders import check_backend, check_indices, missing_folder, missing_root
from mmdeeplab.datasets.label_ids import LabelIds
from mmdeeplab.datasets.split_list import read_split, several_files, why_missing
from mmdeeplab.datasets.symlinks import check_list_name, refuse_links_out
from mmdeeplab.errors import UserError, bad_data
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.registry import DATASETS

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    # mmcv without compiled ops and mmseg without OneDL announce both on import; we need neither.
    warnings.simplefilter('ignore')
    from mmseg.datasets import BaseSegDataset

SHOWN = 5  # offenders that an error spells out
PATH_KEYS = dict(image='img_path', mask='seg_map_path')  # of a sample


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
        mask_dir: Folder of the masks (``SegmentationClassAug`` for VOC's trainaug); None for images
            without masks (:class:`mmdeeplab.engine.teachers.mean_teacher.MeanTeacherHook`).
        image_dir: Folder of the images.
        img_suffix: Suffix that an id and the name of its image differ by, or several, such as
            ``('.jpg', '.JPG', '.png')``.
        seg_map_suffix: The same for masks, such as ``('.png', '_mask.png')``; with a ``*`` for the
            id if something stands before it: ``'mask_*.png'``.
        pipeline: Transforms.
        test_mode: Never replace a bad sample by another one.
        follow_links: Also read files that are links to places outside DATA_ROOT.
        metainfo: ``classes`` may repeat the names of ``classes.txt``, which are then compared. Or
            it is the name of a known data set, whose classes and colours replace that file:
            ``cityscapes``, ``ade20k``, ``ade20k-other`` (TensorFlow's 151), ``coco-stuff``,
            ``pascal-context``, ``pascal-context-59``. ``palette`` has a colour (R, G, B) for each
            class, instead of VOC's.
        ignore_index: The id that is void in the masks, besides 255.
        reduce_zero_label: In the masks 0 is void and id i + 1 is class i (ADE20K);
            ``classes.txt`` begins with the name of id 1.
        indices: Use a part of the list only: the samples at these positions, or the first n (an
            int n), or the last n (-n). The check of the data counts the same ones.
        serialize_data: Keep the list as bytes that worker processes share.
        lazy_init: Read the list only when it is first needed.
        max_refetch: Number of other samples that are tried if a transform returns None.
        backend_args: None or ``dict(backend='local')``: files are read from the local disk only.

    Raises:
        UserError: The folder, list, an image or a mask is missing; every message names the path
            and the next command.
    """

    def __init__(
        self,
        data_root: str,
        split: str,
        mask_dir: str | None = 'SegmentationClass',
        image_dir: str = 'JPEGImages',
        img_suffix: str | Sequence[str] = '.jpg',
        seg_map_suffix: str | Sequence[str] = '.png',
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        follow_links: bool = False,
        metainfo: dict | None = None,
        ignore_index: int = IGNORE_INDEX,
        reduce_zero_label: bool = False,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        lazy_init: bool = False,
        max_refetch: int = 1000,
        backend_args: dict | None = None,
    ) -> None:
        self.label_ids = LabelIds(ignore_index, reduce_zero_label)
        check_backend(backend_args)
        if mask_dir is None and test_mode:
            raise UserError(
                f'{data_root}, {split}: mask_dir=None, so there are no masks to evaluate by'
            )
        root = Path(data_root)
        if message := missing_root(root, split):
            raise UserError(message)
        check_list_name(split)
        self.split, self.follow_links = split, follow_links
        self._classes_present: list[list[int]] | None = None
        if not follow_links:
            refuse_links_out(root, ['classes.txt'], root)
        classes, palette = classes_of(metainfo, root)
        super().__init__(
            ann_file=f'ImageSets/Segmentation/{split}.txt',
            data_root=str(root),
            data_prefix=dict(img_path=image_dir)
            | (dict(seg_map_path=mask_dir) if mask_dir else {}),
            metainfo={**(metainfo or {}), 'classes': classes, 'palette': palette},
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
        """Read the list of the split and find the image and the mask, if any, of every id."""
        lists = Path(self.ann_file)
        if not self.follow_links and os.path.lexists(lists):
            refuse_links_out(lists.parent, [lists.name], Path(self.data_root))
        source = self.source()
        ids = read_split(lists, source.image_files)
        check_indices(self._indices, len(ids), lists)
        paths = {
            PATH_KEYS[file_role]: map(str, self._find(files, ids, file_role))
            for file_role, files in source.files.items()
        }
        return [
            dict(
                id=name,
                **dict(zip(paths, files, strict=True)),
                num_classes=len(self._metainfo['classes']),
                label_map=self.label_ids.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for name, *files in zip(ids, *paths.values(), strict=True)
        ]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Ids of the classes in the mask of sample ``idx``, which ``ClassBalancedDataset`` needs.

        They are taken from the check of the data; masks that it has not seen are read at the first
        call.

        Raises:
            UserError: A mask cannot be read; the message names it.
        """
        if self._classes_present is None:
            ids = [self.get_data_info(i)['id'] for i in range(len(self))]
            self._classes_present = classes_present(self.source(), ids)
        return self._classes_present[idx]

    def source(self) -> Source:
        """The list, the folders and the classes that this data set reads."""
        return Source(
            root=Path(self.data_root),
            split=self.split,
            images=Path(self.data_prefix['img_path']),
            masks=Path(self.data_prefix.get('seg_map_path', self.data_root)),
            image_suffixes=as_suffixes(self.img_suffix, 'img_suffix'),
            mask_suffixes=as_suffixes(self.seg_map_suffix, 'seg_map_suffix'),
            classes=tuple(self.metainfo['classes']),
            follow_links=self.follow_links,
            label_ids=self.label_ids,
            labelled='seg_map_path' in self.data_prefix,
        )

    def _find(self, files: FilesById, ids: Sequence[str], file_role: str) -> list[Path]:
        """The file of each id."""
        if message := missing_folder(files.folder, self.split):
            raise bad_data('missing-folder', message)
        names = {name: files.names(name) for name in ids}
        missing = [name for name in ids if not names[name]]
        if missing:
            first = [str(files.path(name).relative_to(files.folder)) for name in missing[:SHOWN]]
            fault, words = why_missing(files, missing[0], file_role)
            raise bad_data(
                fault,
                f'{len(missing)} of {len(ids)} files that {self.ann_file} names are not in '
                f'{files.folder}: {", ".join(first)}{", ..." if len(missing) > SHOWN else ""} '
                f'({words})',
            )
        if doubled := next((name for name in ids if len(names[name]) > 1), None):
            words = several_files(doubled, names[doubled], file_role)
            raise bad_data('several-files', f'{files.folder}: {words}')
        files_of_ids = [names[name][0] for name in ids]
        if not self.follow_links:
            refuse_links_out(files.folder, files_of_ids, Path(self.data_root))
        return [files.folder / name for name in files_of_ids]
