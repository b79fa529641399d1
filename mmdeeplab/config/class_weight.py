"""``class_weight='auto'`` in a config: noted when it is read, filled in before training."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

METHODS = {'auto': 'median frequency', 'auto-effective': 'effective number'}
AUTO_METHODS = 'auto_class_weight'


def note_auto_weights(cfg: 'Config') -> 'Config':
    """``cfg`` with a note of the losses of ``class_weight='auto'``, which are without weights.

    So every command can build the model; training fills them in (:func:`with_class_weights`).

    Raises:
        UserError: The word is none of :data:`METHODS`.
    """
    changed, methods = copy.deepcopy(cfg), {}
    for path, loss in _losses(changed.get('model'), 'model'):
        value = loss['class_weight']
        if isinstance(value, str) and value.startswith('auto'):
            if value not in METHODS:
                raise UserError(
                    f'{path}.class_weight={value!r}: numbers, or {" or ".join(METHODS)}'
                )
            methods[path] = value
            loss['class_weight'] = None
        elif value is not None:
            _same_number(changed, path, value)
            _weigh(loss, value)
    if methods:
        changed[AUTO_METHODS] = methods
    return changed


def _same_number(cfg: 'Config', path: str, weights: object) -> None:
    """Refuse weights that are not one a class.

    Raises:
        UserError: They are more or fewer than the classes of the head above the loss.
    """
    if isinstance(weights, str) or not isinstance(weights, Sequence):
        return  # a file of weights
    steps = path.split('.')
    while steps:
        steps.pop()
        node = cfg
        for step in steps:
            node = node[int(step) if isinstance(node, (list, tuple)) else step]
        count = node.get('num_classes') if isinstance(node, dict) else None
        if isinstance(count, int) and len(weights) != count:
            raise UserError(
                f'{path}.class_weight has {len(weights)} weights, '
                f'{".".join(steps)}.num_classes is {count}'
            )


def auto_methods(cfg: 'Config') -> dict[str, str]:
    """Path of a loss in the config to the method of its weights."""
    return dict(cfg.get(AUTO_METHODS, {}))


def with_class_weights(cfg: 'Config', weights: Mapping[str, list[float]]) -> 'Config':
    """``cfg``, whose losses of ``class_weight='auto'`` have numbers.

    Args:
        cfg: A config of :func:`note_auto_weights`.
        weights: One number a class, by method of :data:`METHODS`.
    """
    changed, methods = copy.deepcopy(cfg), auto_methods(cfg)
    for path, loss in _losses(changed.get('model'), 'model'):
        if path in methods:
            _weigh(loss, weights[methods[path]])
    changed.pop(AUTO_METHODS, None)
    return changed


def _weigh(loss: dict, weights: object) -> None:
    """Set the weights of a loss.

    With weights, mmseg's cross entropy divides by those of the labelled pixels in any case; asked
    for that by ``avg_non_ignore`` it stops with an IndexError.
    """
    loss['class_weight'] = weights
    loss.pop('avg_non_ignore', None)


def _losses(node: object, path: str) -> Iterator[tuple[str, dict]]:
    """Every dict with a ``class_weight`` below a node, and its dotted path."""
    if isinstance(node, dict):
        if 'class_weight' in node:
            yield path, node
        for key, value in node.items():
            yield from _losses(value, f'{path}.{key}')
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from _losses(value, f'{path}.{i}')
