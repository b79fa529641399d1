"""One meaning of void in a config: what is said of it in one place holds everywhere.

Masks become class ids with 255 for void as they are loaded
(:class:`mmdeeplab.datasets.label_ids.LabelIds`), so losses, padding and scores ignore 255, and
what they are told to ignore instead is a setting of the data sets.
"""

import copy
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from mmdeeplab.config.data import SPLITS, datasets, is_voc_folder
from mmdeeplab.errors import UserError
from mmdeeplab.label_map import IGNORE_INDEX

if TYPE_CHECKING:
    from mmengine.config import Config

KEY, REDUCE = 'ignore_index', 'reduce_zero_label'
FILLS = ('seg_pad_val', 'seg_fill_in', 'seg')  # what a preprocessor or transform writes as void
Found = list[tuple[str, MutableMapping[str, Any], str]]
"""Dotted path of a setting, the dict that holds it, and its key there."""


def unify_ignore_index(cfg: 'Config') -> 'Config':
    """``cfg``, every part of which follows the ``ignore_index`` and ``reduce_zero_label`` it names.

    Named once, in a data set, head, loss, transform or metric, they hold for all; a data set that
    names its own keeps it. Behind the loading 255 is written, which is what void is there. Doing it
    twice changes nothing. Data sets of other classes load as mmsegmentation's do: nothing changes.

    Raises:
        UserError: Two places name two values.
    """
    changed = copy.deepcopy(cfg)
    data = [node for node in datasets(changed, *SPLITS) if is_voc_folder(node)]
    if not data:
        return changed
    entries = list(_settings((), changed._cfg_dict, (KEY, REDUCE, *FILLS)))
    for key, usual in ((KEY, IGNORE_INDEX), (REDUCE, False)):
        value = _one_value([entry for entry in entries if entry[2] == key], usual)
        for node in data if value is not None else []:
            node.setdefault(key, value)
    void = {node[KEY] for node in data if KEY in node}
    for _, settings, key in entries:
        elsewhere = not any(settings is node for node in data)
        if key != REDUCE and elsewhere and settings[key] in void:
            settings[key] = IGNORE_INDEX
    return changed


def _one_value(entries: Found, usual: object) -> Any:
    """What data sets that do not name a value take; None where nothing is to be told.

    Raises:
        UserError: Another value than that of the data sets is named elsewhere.
    """
    of_data = {path: node[key] for path, node, key in entries if is_voc_folder(node)}
    others = {path: node[key] for path, node, key in entries if not is_voc_folder(node)}
    others = {path: value for path, value in others.items() if value not in (usual, None)}
    named = list(dict.fromkeys([*of_data.values(), *others.values()]))
    if others and len(named) > 1:
        listed = ', '.join(f'{path}={value}' for path, value in {**of_data, **others}.items())
        raise UserError(
            f'{listed}: these disagree on what is void. Name it once, as '
            f'train_dataloader.dataset.{entries[0][2]}: the other data sets, the losses and the '
            'metrics follow'
        )
    return named[0] if len(named) == 1 else None


def _settings(path: tuple[str, ...], node: object, keys: tuple[str, ...]) -> Iterator[tuple]:
    """Every setting of one of ``keys`` below a node."""
    if isinstance(node, MutableMapping):
        for key, value in node.items():
            if key in keys and not isinstance(value, MutableMapping):
                yield '.'.join((*path, key)), node, key
            yield from _settings((*path, str(key)), value, keys)
    elif isinstance(node, (list, tuple)):
        for i, item in enumerate(node):
            yield from _settings((*path, str(i)), item, keys)
