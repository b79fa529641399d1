"""What a config reads: lists, folders and classes, told apart without building a data set."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdeeplab.cli.common import datasets
from mmdeeplab.datasets.files_by_id import FilesById, as_suffixes
from mmdeeplab.datasets.image_io import VOID
from mmdeeplab.datasets.label_ids import PLAIN, LabelIds
from mmdeeplab.datasets.symlinks import check_list_name, refuse_links_out
from mmdeeplab.datasets.voc_folder import VOCFolderDataset, check_backend, read_classes
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict

KNOWN = (VOCFolderDataset, 'mmdeeplab.VOCFolderDataset', 'VOCFolderDataset')


@dataclass(frozen=True)
class Source:
    """One list and its folders.

    Attributes:
        root: The data root.
        split: Name of the list.
        images: Folder of the images.
        masks: Folder of the masks.
        image_suffixes: What may stand behind an id in the name of its image.
        mask_suffixes: The same of masks.
        classes: Names in id order.
        follow_links: Take single files that are links out of the root.
        label_ids: What the ids of the masks mean.
        indices: Which samples of the list are taken, as in MMEngine's data sets; None: all.
        roles: The splits of the config that read it: train, val, test.
    """

    root: Path
    split: str
    images: Path
    masks: Path
    image_suffixes: tuple[str, ...]
    mask_suffixes: tuple[str, ...]
    classes: tuple[str, ...]
    follow_links: bool = False
    label_ids: LabelIds = PLAIN
    indices: int | tuple[int, ...] | None = None
    roles: tuple[str, ...] = field(default=(), compare=False)

    @property
    def list(self) -> Path:
        return self.root / 'ImageSets' / 'Segmentation' / f'{self.split}.txt'

    @property
    def role(self) -> str:
        return ', '.join(self.roles)

    @property
    def key(self) -> str:
        """What the look at a file depends on besides its name."""
        folders = map(os.path.realpath, (self.images, self.masks))
        return '\n'.join((*folders, '|'.join(self.image_suffixes), '|'.join(self.mask_suffixes)))

    @cached_property
    def image_files(self) -> FilesById:
        """The images by id."""
        return FilesById(self.images, self.image_suffixes)

    @cached_property
    def mask_files(self) -> FilesById:
        """The masks by id."""
        return FilesById(self.masks, self.mask_suffixes)

    def image(self, name: str) -> Path:
        return self.image_files.path(name)

    def mask(self, name: str) -> Path:
        return self.mask_files.path(name)


def taken(ids: Sequence[str], indices: int | Sequence[int] | None) -> list[str]:
    """Those of a list's ids that a data set's ``indices`` choose."""
    if indices is None:
        return list(ids)
    if isinstance(indices, int):
        return list(ids[:indices] if indices >= 0 else ids[indices:])
    return [ids[i] for i in indices if -len(ids) <= i < len(ids)]


def sources(cfg: 'Config', splits: tuple[str, ...]) -> tuple[list[Source], list[tuple[str, str]]]:
    """Sources of the splits, each once, and (split, type) of data sets that are not known."""
    found: dict[Source, tuple[str, ...]] = {}
    unknown = []
    for role in splits:
        refuse_unbalanced((cfg.get(f'{role}_dataloader') or {}).get('dataset'), role)
        for node in datasets(cfg, role):
            if node.get('type') not in KNOWN:
                unknown.append((role, str(node.get('type'))))
                continue
            source = _source(node, role)
            roles = found.get(source, ())
            found[source] = roles if role in roles else (*roles, role)
    return [replace(source, roles=roles) for source, roles in found.items()], unknown


def refuse_unbalanced(node: Any, role: str) -> None:
    """``ClassBalancedDataset`` asks for classes that MMEngine's other wrappers do not hand on.

    Raises:
        UserError: It is around one of them.
    """
    inner = node.get('dataset') if isinstance(node, dict) else None
    if not isinstance(inner, dict):
        return
    kinds = [str(part.get('type')).rpartition('.')[2] for part in (node, inner)]
    if kinds[0] == 'ClassBalancedDataset' and kinds[1] in ('ConcatDataset', 'RepeatDataset'):
        raise UserError(
            f'{role}_dataloader.dataset: ClassBalancedDataset cannot be around a {kinds[1]}, which '
            f'does not tell the classes of an image; put it inside, around each data set'
        )
    refuse_unbalanced(inner, role)


def source_of(dataset: VOCFolderDataset) -> Source:
    """The list and folders of a built data set."""
    return Source(
        root=Path(dataset.data_root),
        split=dataset.split,
        images=Path(dataset.data_prefix['img_path']),
        masks=Path(dataset.data_prefix['seg_map_path']),
        image_suffixes=as_suffixes(dataset.img_suffix, 'img_suffix'),
        mask_suffixes=as_suffixes(dataset.seg_map_suffix, 'seg_map_suffix'),
        classes=tuple(dataset.metainfo['classes']),
        follow_links=dataset.follow_links,
        label_ids=dataset.label_ids,
    )


def _source(node: 'ConfigDict', role: str) -> Source:
    root, split = Path(node.data_root), node.get('split', role)
    check_list_name(split)
    check_backend(node.get('backend_args'))
    indices = node.get('indices')
    if not node.get('follow_links', False):
        refuse_links_out(root, ['classes.txt'], root)
    return Source(
        root=root,
        split=split,
        images=root / node.get('image_dir', 'JPEGImages'),
        masks=root / node.get('mask_dir', 'SegmentationClass'),
        image_suffixes=as_suffixes(node.get('img_suffix', '.jpg'), 'img_suffix'),
        mask_suffixes=as_suffixes(node.get('seg_map_suffix', '.png'), 'seg_map_suffix'),
        classes=read_classes(root / 'classes.txt'),
        follow_links=node.get('follow_links', False),
        label_ids=LabelIds(node.get('ignore_index', VOID), node.get('reduce_zero_label', False)),
        indices=tuple(indices) if isinstance(indices, Sequence) else indices,
    )
