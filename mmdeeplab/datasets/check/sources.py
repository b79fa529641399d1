"""Find the lists, folders and classes that a config reads, without building its data sets."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdeeplab.config.data import datasets_by_key, is_voc_folder, pipeline_steps, type_name
from mmdeeplab.config.pixels import pixels_of
from mmdeeplab.datasets.check.source import Source
from mmdeeplab.datasets.class_names import classes_of
from mmdeeplab.datasets.files_by_id import as_suffixes
from mmdeeplab.datasets.folders import check_backend
from mmdeeplab.datasets.label_ids import LabelIds
from mmdeeplab.datasets.symlinks import check_list_name, refuse_links_out
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict


def taken(ids: Sequence[str], indices: int | Sequence[int] | None) -> list[str]:
    """The ids of a list that a data set's ``indices`` choose; all of them if it is None."""
    if indices is None:
        return list(ids)
    if isinstance(indices, int):
        return list(ids[:indices] if indices >= 0 else ids[indices:])
    return [ids[i] for i in indices if -len(ids) <= i < len(ids)]


def sources(cfg: 'Config', splits: tuple[str, ...]) -> tuple[list[Source], list[tuple[str, str]]]:
    """The sources of some splits, each once, and (split, type) of data sets of other classes."""
    keys_by_source: dict[Source, tuple[str, ...]] = {}
    unknown = []
    for role in splits:
        refuse_unbalanced((cfg.get(f'{role}_dataloader') or {}).get('dataset'), role)
        for key, node in datasets_by_key(cfg, role).items():
            if not is_voc_folder(node):
                unknown.append((role, str(node.get('type'))))
                continue
            source = _source(node, role)
            keys_by_source[source] = (*keys_by_source.get(source, ()), key)
    return [replace(source, keys=keys) for source, keys in keys_by_source.items()], unknown


def refuse_unbalanced(node: Any, role: str) -> None:
    """Refuse a ``ClassBalancedDataset`` around another wrapper of MMEngine's.

    It asks what it wraps for the classes of a sample, which the other wrappers do not pass on.

    Raises:
        UserError: There is one.
    """
    inner = node.get('dataset') if isinstance(node, dict) else None
    if not isinstance(inner, dict):
        return
    types = [type_name(part.get('type')) for part in (node, inner)]
    if types[0] == 'ClassBalancedDataset' and types[1] in ('ConcatDataset', 'RepeatDataset'):
        raise UserError(
            f'{role}_dataloader.dataset: ClassBalancedDataset cannot be around a {types[1]}, which '
            f'does not tell the classes of an image; put it inside, around each data set'
        )
    refuse_unbalanced(inner, role)


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
        masks=root / (node.get('mask_dir', 'SegmentationClass') or ''),
        image_suffixes=as_suffixes(node.get('img_suffix', '.jpg'), 'img_suffix'),
        mask_suffixes=as_suffixes(node.get('seg_map_suffix', '.png'), 'seg_map_suffix'),
        classes=classes_of(node.get('metainfo'), root).classes,
        follow_links=node.get('follow_links', False),
        label_ids=LabelIds(
            node.get('ignore_index', IGNORE_INDEX), node.get('reduce_zero_label', False)
        ),
        indices=tuple(indices) if isinstance(indices, Sequence) else indices,
        pixels=pixels_of(pipeline_steps(node)),
        labelled=node.get('mask_dir', '') is not None,
    )
