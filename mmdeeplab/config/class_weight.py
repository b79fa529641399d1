"""``class_weight='auto'`` in a config: noted when it is read, replaced by numbers in training."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

METHODS = {'auto': 'median frequency', 'auto-effective': 'effective number'}
AUTO_METHODS = 'auto_class_weight'


def note_auto_weights(cfg: 'Config') -> 'Config':
    """``cfg`` with ``class_weight='auto'`` taken out of its losses and noted in another key.

    So every command can build the model; training sets the numbers (:func:`with_class_weights`).

    Raises:
        UserError: ``class_weight`` is a word, but none of :data:`METHODS`.
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
    """Refuse a ``class_weight`` that does not have one number for each class.

    Raises:
        UserError: It has more or fewer than the classes of the loss's decode head.
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
    """The methods of ``class_weight='auto'``, by the dotted path of the loss in the config."""
    return dict(cfg.get(AUTO_METHODS, {}))


def with_class_weights(cfg: 'Config', weights: Mapping[str, list[float]]) -> 'Config':
    """``cfg`` with numbers for the losses that had ``class_weight='auto'``.

    Args:
        cfg: A config from :func:`note_auto_weights`.
        weights: Class weights by method of :data:`METHODS`, one number for each class.
    """
    changed, methods = copy.deepcopy(cfg), auto_methods(cfg)
    for path, loss in _losses(changed.get('model'), 'model'):
        if path in methods:
            _weigh(loss, weights[methods[path]])
    changed.pop(AUTO_METHODS, None)
    return changed


def _weigh(loss: dict, weights: object) -> None:
    """Set ``class_weight`` in the config of a loss, and drop ``avg_non_ignore``.

    With class weights, mmseg's cross entropy always averages over the labelled pixels; with
    ``avg_non_ignore`` in addition it fails with an IndexError.
    """
    loss['class_weight'] = weights
    loss.pop('avg_non_ignore', None)


def _losses(node: object, path: str) -> Iterator[tuple[str, dict]]:
    """All dicts below a node that have a ``class_weight``, each with its dotted path."""
    if isinstance(node, dict):
        if 'class_weight' in node:
            yield path, node
        for key, value in node.items():
            yield from _losses(value, f'{path}.{key}')
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from _losses(value, f'{path}.{i}')
