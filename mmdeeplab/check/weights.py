"""How often each class occurs, and the weights that make up for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdeeplab.errors import UserError, choose

if TYPE_CHECKING:
    from mmengine.config import Config

METHODS = {'auto': 'median frequency', 'auto-effective': 'effective number'}
_WISHES = 'auto_class_weight'


@dataclass
class Counts:
    """Exact counts of one split.

    Attributes:
        images: Number of images, repeated ones counted again.
        pixels: (C,) int64, pixels of each class.
        present: (C,) int64, images in which each class occurs.
        where: (C,) int64, labelled pixels of the images in which each class occurs.
        void: Pixels of void.
    """

    images: int
    pixels: np.ndarray
    present: np.ndarray
    where: np.ndarray
    void: int

    @classmethod
    def zero(cls, classes: int) -> 'Counts':
        pixels, present, where = np.zeros((3, classes), np.int64)
        return cls(0, pixels, present, where, 0)

    def add(self, ids: dict[str, int], void: int) -> None:
        """Count one mask: pixels by id as text; ids outside the classes are left out."""
        pixels = np.array([ids.get(str(i), 0) for i in range(len(self.pixels))], np.int64)
        self.images += 1
        self.pixels += pixels
        self.present += pixels > 0
        self.where += (pixels > 0) * pixels.sum()
        self.void += ids.get(str(void), 0)

    def weights(self, method: str) -> list[float]:
        """One weight a class, by a key of :data:`METHODS`; 1 for classes that never occur."""
        choose('class_weight', method, tuple(METHODS))
        weights = np.ones(len(self.pixels))
        known = self.pixels > 0
        if known.any():
            weigh = median_frequency if method == 'auto' else effective_number
            weights[known] = weigh(self)[known]
        return [float(f'{weight:.4g}') for weight in weights]


def median_frequency(counts: Counts) -> np.ndarray:
    """Median of the frequencies over the class's frequency (Eigen & Fergus, 1411.4734, 6.3.2).

    A class's frequency is its share of the labelled pixels of the images in which it occurs.
    """
    known = counts.pixels > 0
    frequency = counts.pixels / np.maximum(counts.where, 1)
    return np.median(frequency[known]) / np.where(known, frequency, 1)


def effective_number(counts: Counts) -> np.ndarray:
    """(1 - b) / (1 - b^n), with mean 1 (Cui et al., 1901.05555, section 3 and equation 5).

    n counts the images with the class and b = 1 - 1 / images; among millions of pixels, which are
    anything but independent, all classes would weigh the same.
    """
    b = 1 - 1 / max(counts.images, 2)
    known = counts.present > 0
    weights = (1 - b) / (1 - b ** np.maximum(counts.present, 1))
    return weights / weights[known].mean()


def set_aside(cfg: 'Config') -> None:
    """Note which losses want ``class_weight='auto'`` and leave them without weights.

    So every command can build the model; training fills them in (:func:`fill_in`).

    Raises:
        UserError: The word is none of :data:`METHODS`.
    """
    wishes = {}
    for path, loss in _losses(cfg.get('model'), 'model'):
        wish = loss['class_weight']
        if isinstance(wish, str) and wish.startswith('auto'):
            if wish not in METHODS:
                raise UserError(f'{path}.class_weight={wish!r}: numbers, or {" or ".join(METHODS)}')
            wishes[path] = wish
            loss['class_weight'] = None
        elif wish is not None:
            _same_number(cfg, path, wish)
            _weigh(loss, wish)
    if wishes:
        cfg[_WISHES] = wishes


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


def wanted(cfg: 'Config') -> dict[str, str]:
    """Path of a loss in the config to the method of its weights."""
    return dict(cfg.get(_WISHES, {}))


def fill_in(cfg: 'Config', weights: dict[str, list[float]]) -> None:
    """Give each loss that wants them the weights of its method."""
    wishes = wanted(cfg)
    for path, loss in _losses(cfg.get('model'), 'model'):
        if path in wishes:
            _weigh(loss, weights[wishes[path]])
    cfg.pop(_WISHES, None)


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
