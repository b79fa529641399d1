"""Convert nested training state to named tensors plus JSON, and back.

In the JSON, objects are only used as tags (``{"tensor": NAME}``, ``{"dict": [[KEY, VALUE],
...]}``). So no key of the state can be mistaken for a tag, and keys keep their type.
"""

from collections import deque
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

Node = None | bool | int | float | str | list | dict


def flatten(tree: object) -> tuple[dict[str, Tensor], Node]:
    """Split nested state into JSON and its tensors by name; the tensors are not copied.

    Raises:
        TypeError: A value is neither tensor, array nor plain data; it names the place.
    """
    tensors: dict[str, Tensor] = {}

    def keep(tensor: Tensor, place: str) -> str:
        name, count = place, 1
        while name in tensors:
            count += 1
            name = f'{place}#{count}'
        tensors[name] = tensor.detach()
        return name

    def walk(node: object, place: str) -> Node:
        if node is None or isinstance(node, (bool, int, float, str)):
            return plain(node)
        if isinstance(node, Tensor):
            return dict(tensor=keep(node, place))
        if isinstance(node, np.ndarray):
            return dict(array=keep(torch.from_numpy(np.array(node, order='C')), place))
        if isinstance(node, np.generic):
            return plain(node.item())
        if isinstance(node, Mapping):
            pairs = [[walk(k, place), walk(v, f'{place}/{k}')] for k, v in node.items()]
            return dict(dict=pairs)
        if isinstance(node, (list, tuple, deque, set, frozenset)):
            items = [walk(item, f'{place}/{i}') for i, item in enumerate(node)]
            if isinstance(node, (list, deque)):
                return items
            return dict(tuple=items) if isinstance(node, tuple) else dict(set=items)
        raise TypeError(f'a checkpoint cannot hold {place}: it is a {type(node).__name__}')

    if not isinstance(tree, Mapping):
        raise TypeError(f'a checkpoint is a mapping, not a {type(tree).__name__}')
    pairs = [[key, walk(value, str(key))] for key, value in tree.items()]
    return tensors, dict(dict=pairs)


def plain(value: bool | int | float | str | None) -> Node:
    """A value as its plain type, if it is of a subclass (an enum, a NumPy float)."""
    for scalar_type in (bool, int, float, str):
        if isinstance(value, scalar_type):
            return scalar_type(value)
    return None


def restore(node: Node, tensors: Mapping[str, Tensor]) -> object:
    """The inverse of :func:`flatten`.

    Raises:
        ValueError: The JSON has another form.
    """
    if isinstance(node, list):
        return [restore(item, tensors) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) != 1:
        raise ValueError(f'an object with the keys {sorted(node)} is no part of a checkpoint')
    ((tag, value),) = node.items()
    if tag == 'tensor':
        return tensors[value]
    if tag == 'array':
        return tensors[value].numpy()
    if tag == 'dict':
        return {restore(k, tensors): restore(v, tensors) for k, v in value}
    if tag in ('tuple', 'set'):
        items = [restore(item, tensors) for item in value]
        return tuple(items) if tag == 'tuple' else set(items)
    raise ValueError(f'{tag!r} is no part of a checkpoint')
