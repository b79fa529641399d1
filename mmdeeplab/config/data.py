"""The data sets that a config names."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict

SPLITS = ('train', 'val', 'test')


def datasets(cfg: Config, *splits: str) -> Iterator[ConfigDict]:
    """Every data set of the splits, also inside wrappers."""

    def walk(node: object) -> Iterator[ConfigDict]:
        if isinstance(node, dict):
            if 'data_root' in node:
                yield node
            for key in ('dataset', 'datasets'):
                yield from walk(node.get(key))
        elif isinstance(node, (list, tuple)):
            for item in node:
                yield from walk(item)

    for split in splits:
        yield from walk((cfg.get(f'{split}_dataloader') or {}).get('dataset'))


def is_voc_folder(node: Mapping[str, Any]) -> bool:
    """Whether a data set's config names our VOCFolderDataset, by its name or the class."""
    kind = node.get('type')
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return name.rpartition('.')[2] == 'VOCFolderDataset'


def with_data_root(cfg: Config, root: str) -> Config:
    """``cfg`` with every data set at the folder ``root``.

    Raises:
        UserError: No data set has a folder.
    """
    changed = copy.deepcopy(cfg)
    found = list(datasets(changed, *SPLITS))
    if not found:
        raise UserError('--data-root: no data set of this config has a data_root')
    for dataset in found:
        dataset.data_root = root
    return changed
