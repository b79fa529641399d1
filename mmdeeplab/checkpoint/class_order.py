"""Classes of a checkpoint and of the data: the same names in the same order, or it is said.

A file that names no classes (imported weights may not) is taken as it is.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

from mmengine.runner import BaseLoop, Runner
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.finite import listed


def in_order(source: Sequence[str] | None, target: Sequence[str] | None) -> bool:
    """Whether two lists of names agree; spelling aside, and where one is not known."""
    return source is None or target is None or _plain(source) == _plain(target)


def require_order(
    source: Sequence[str] | None, target: Sequence[str] | None, path: object, what: str
) -> None:
    """Refuse classes that differ, by name or by order.

    Args:
        source: Names of the checkpoint's classes in id order, None where unknown.
        target: Names of the data's.
        path: The checkpoint, for the message.
        what: Whose names ``target`` are, for the message.

    Raises:
        UserError: With the first ids that differ.
    """
    if source is None or target is None or in_order(source, target):
        return
    faults = [
        f'{i} is {a} there, {b} here'
        for i, (a, b) in enumerate(zip_longest(source, target, fillvalue='nothing'))
        if _plain([a]) != _plain([b])
    ]
    same = 'in another order' if set(_plain(source)) == set(_plain(target)) else 'other ones'
    raise UserError(
        f'the classes of {path} are not those of {what} but {same}: class {listed(faults)}; give '
        "the names in the checkpoint's order (classes.txt, and masks to match), or train anew from "
        'its weights by load_from, which copies classes by name'
    )


def data_classes(runner: Runner) -> tuple[Sequence[str] | None, str]:
    """Names of the classes of the data that a Runner has built loaders for, and where it lies."""
    for loop in (runner._train_loop, runner._test_loop, runner._val_loop):
        if isinstance(loop, BaseLoop):
            dataset = loop.dataloader.dataset
            names = (getattr(dataset, 'metainfo', None) or {}).get('classes')
            return names, str(getattr(dataset, 'data_root', None) or 'the data')
    return None, ''


def by_name(
    state: Mapping[str, Tensor],
    classifiers: Collection[str],
    source: Sequence[str],
    target: Sequence[str],
) -> dict[str, Tensor] | None:
    """The weights with the classifier's rows in the order of ``target``; None where that cannot be.

    Args:
        state: The checkpoint's state dict.
        classifiers: Keys of the tensors with a row a class.
        source: Names of the checkpoint's classes in id order.
        target: Names of the data's.
    """
    source_names, target_names = _plain(source), _plain(target)
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


def _plain(names: Sequence[str]) -> list[str]:
    """Names without what people write in several ways: capitals, spaces, hyphens, underscores."""
    return [re.sub(r'[\s_-]+', '', str(name)).casefold() for name in names]
