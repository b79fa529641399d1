"""Make ``ignore_index`` and ``reduce_zero_label`` agree in all parts of a config.

When masks are loaded, their ids become class ids with 255 for void
(:class:`mmdeeplab.datasets.label_ids.LabelIds`). So losses, padding and scores ignore 255, and
another ``ignore_index`` that a config gives them is meant for the data sets.
"""

import copy
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from mmdeeplab.config.data import SPLITS, datasets, is_voc_folder
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX

if TYPE_CHECKING:
    from mmengine.config import Config

KEY, REDUCE = 'ignore_index', 'reduce_zero_label'
FILLS = ('seg_pad_val', 'seg_fill_in', 'seg')  # what a preprocessor or transform writes as void
Entries = list[tuple[str, MutableMapping[str, Any], str]]
"""Dotted path of a setting, the dict that holds it, and its key there."""


def unify_ignore_index(cfg: 'Config') -> 'Config':
    """``cfg`` with the ``ignore_index`` and ``reduce_zero_label`` that it names in all its parts.

    A value that one data set, head, loss, transform or metric names holds for all data sets; one
    that has its own value keeps it. Heads, losses and metrics get 255, which is void once masks are
    loaded. A second call changes nothing. If the config has data sets of other classes, which load
    masks as mmsegmentation does, nothing changes.

    Raises:
        UserError: Two places name different values.
    """
    changed = copy.deepcopy(cfg)
    dataset_cfgs = [node for node in datasets(changed, *SPLITS) if is_voc_folder(node)]
    if not dataset_cfgs:
        return changed
    entries = list(_settings((), changed._cfg_dict, (KEY, REDUCE, *FILLS)))
    for key, default in ((KEY, IGNORE_INDEX), (REDUCE, False)):
        value = _one_value([entry for entry in entries if entry[2] == key], default)
        for node in dataset_cfgs if value is not None else []:
            node.setdefault(key, value)
    void_ids = [node[KEY] for node in dataset_cfgs if KEY in node]  # any values: not checked yet
    for _, settings, key in entries:
        elsewhere = not any(settings is node for node in dataset_cfgs)
        if key != REDUCE and elsewhere and settings[key] in void_ids:
            settings[key] = IGNORE_INDEX
    return changed


def _one_value(entries: Entries, default: object) -> Any:
    """The value for data sets that name none; None unless exactly one value is named.

    Raises:
        UserError: Different values are named.
    """
    of_data = {path: node[key] for path, node, key in entries if is_voc_folder(node)}
    others = {path: node[key] for path, node, key in entries if not is_voc_folder(node)}
    others = {path: value for path, value in others.items() if value not in (default, None)}
    values = [*of_data.values(), *others.values()]
    named = [value for i, value in enumerate(values) if value not in values[:i]]
    if others and len(named) > 1:
        listed = ', '.join(f'{path}={value}' for path, value in {**of_data, **others}.items())
        raise UserError(
            f'{listed}: these disagree on what is void. Name it once, as '
            f'train_dataloader.dataset.{entries[0][2]}: the other data sets, the losses and the '
            'metrics follow'
        )
    return named[0] if len(named) == 1 else None


def _settings(path: tuple[str, ...], node: object, keys: tuple[str, ...]) -> Iterator[tuple]:
    """All settings below a node that have one of ``keys``."""
    if isinstance(node, MutableMapping):
        for key, value in node.items():
            if key in keys and not isinstance(value, MutableMapping):
                yield '.'.join((*path, key)), node, key
            yield from _settings((*path, str(key)), value, keys)
    elif isinstance(node, (list, tuple)):
        for i, item in enumerate(node):
            yield from _settings((*path, str(i)), item, keys)
