"""Find data sets, pipelines and crop sizes in a config."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict

SPLITS = ('train', 'val', 'test')


def datasets(cfg: Config, *splits: str) -> Iterator[ConfigDict]:
    """The configs of all data sets of some splits, also inside wrappers."""
    for split in splits:
        yield from datasets_by_key(cfg, split).values()


def datasets_by_key(cfg: Config, split: str) -> dict[str, ConfigDict]:
    """The configs of the data sets of a split by their keys, also inside wrappers.

    Such a key is ``train_dataloader.dataset`` or ``train_dataloader.dataset.datasets.1``.
    """

    def walk(key: str, node: object) -> Iterator[tuple[str, ConfigDict]]:
        if isinstance(node, dict):
            if 'data_root' in node:
                yield key, node
            for inner_key in ('dataset', 'datasets'):
                yield from walk(f'{key}.{inner_key}', node.get(inner_key))
        elif isinstance(node, (list, tuple)):
            for i, item in enumerate(node):
                yield from walk(f'{key}.{i}', item)

    loader = f'{split}_dataloader'
    return dict(walk(f'{loader}.dataset', (cfg.get(loader) or {}).get('dataset')))


def pipeline_steps(dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All transforms in a data set's config, also inside wrappers."""
    yield from dataset.get('pipeline') or ()
    wrapped = dataset.get('dataset') or dataset.get('datasets') or ()
    for inner in [wrapped] if isinstance(wrapped, Mapping) else wrapped:
        yield from pipeline_steps(inner)


def training_size(cfg: Config) -> tuple[int, int]:
    """(H, W) of a config's training batches: the crop, or the preprocessor's size if larger.

    Raises:
        UserError: The config has neither.
    """
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    sizes = [step['crop_size'] for step in pipeline_steps(dataset) if 'crop_size' in step]
    padded = cfg.model.get('data_preprocessor', {}).get('size')
    sizes += [padded] if padded else []
    if not sizes:
        raise UserError('the config has neither a crop_size nor a data_preprocessor.size')
    sides = [(size, size) if isinstance(size, int) else size for size in sizes]
    return max(height for height, _ in sides), max(width for _, width in sides)


def type_name(class_or_name: object) -> str:
    """The name of a class without its scope.

    Args:
        class_or_name: The ``type`` of a dict in a config: a class, or a name with or without scope.
    """
    return str(getattr(class_or_name, '__name__', class_or_name)).rpartition('.')[2]


def is_voc_folder(node: Mapping[str, Any]) -> bool:
    """Whether a data set's config names our VOCFolderDataset, by name or by class."""
    from mmdeeplab.registry import is_ours

    return is_ours(node.get('type'), 'VOCFolderDataset')


def with_data_root(cfg: Config, root: str) -> Config:
    """``cfg`` with ``data_root=root`` in every data set.

    Raises:
        UserError: No data set has a ``data_root``.
    """
    changed = copy.deepcopy(cfg)
    dataset_cfgs = list(datasets(changed, *SPLITS))
    if not dataset_cfgs:
        raise UserError('--data-root: no data set of this config has a data_root')
    for dataset in dataset_cfgs:
        dataset.data_root = root
    return changed
