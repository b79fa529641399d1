"""Compare the classes of a checkpoint with those of the data, by name and by order.

A checkpoint that names no classes, as imported weights may do, is accepted.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

from mmengine.runner import BaseLoop, Runner
from torch import Tensor

from mmdeeplab.errors import UserError, listed


def in_order(source: Sequence[str] | None, target: Sequence[str] | None) -> bool:
    """Whether two lists of names agree, except for spelling; True if one is not known."""
    return source is None or target is None or plain_names(source) == plain_names(target)


def require_order(
    source: Sequence[str] | None, target: Sequence[str] | None, path: object, owner: str
) -> None:
    """Refuse classes that differ, by name or by order.

    Args:
        source: Names of the checkpoint's classes in id order, None if unknown.
        target: Names of the data's classes, None if unknown.
        path: The checkpoint, for the message.
        owner: What ``target`` are the names of, for the message.

    Raises:
        UserError: It names the first ids that differ.
    """
    if source is None or target is None or in_order(source, target):
        return
    faults = [
        f'{i} is {a} there, {b} here'
        for i, (a, b) in enumerate(zip_longest(source, target, fillvalue='nothing'))
        if plain_names([a]) != plain_names([b])
    ]
    same = (
        'in another order' if set(plain_names(source)) == set(plain_names(target)) else 'other ones'
    )
    raise UserError(
        f'the classes of {path} are not those of {owner} but {same}: class {listed(faults)}; give '
        "the names in the checkpoint's order (classes.txt, and masks to match), or train anew from "
        'its weights by load_from, which copies classes by name'
    )


def data_classes(runner: Runner) -> tuple[Sequence[str] | None, str]:
    """Names of the classes of a Runner's data, from a loader that is built, and the data root."""
    for loop in (runner._train_loop, runner._test_loop, runner._val_loop):
        if isinstance(loop, BaseLoop):
            dataset = loop.dataloader.dataset
            return dataset_classes(dataset), str(getattr(dataset, 'data_root', None) or 'the data')
    return None, ''


def dataset_classes(dataset: object) -> Sequence[str] | None:
    """Names of the classes of a data set; None if it names none."""
    return (getattr(dataset, 'metainfo', None) or {}).get('classes')


def by_name(
    state: Mapping[str, Tensor],
    classifiers: Collection[str],
    source: Sequence[str],
    target: Sequence[str],
) -> dict[str, Tensor] | None:
    """The weights with the classifiers' rows in the order of ``target``; None if impossible.

    Args:
        state: The checkpoint's state dict.
        classifiers: Keys of the tensors that have one row for each class.
        source: Names of the checkpoint's classes in id order.
        target: Names of the data's classes in id order.
    """
    source_names, target_names = plain_names(source), plain_names(target)
    if (
        sorted(source_names) != sorted(target_names)
        or len(set(source_names)) != len(source_names)
        or not classifiers
    ):
        return None
    if any(key not in state or len(state[key]) != len(source_names) for key in classifiers):
        return None
    rows = [source_names.index(name) for name in target_names]
    return {key: value[rows] if key in classifiers else value for key, value in state.items()}


def plain_names(names: Sequence[str]) -> list[str]:
    """Names in lower case, without spaces, hyphens and underscores, which people write freely."""
    return [re.sub(r'[\s_-]+', '', str(name)).casefold() for name in names]
