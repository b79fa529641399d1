"""Settle the loop and the length of training in a config: iterations or epochs."""

from collections.abc import Callable, Mapping
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from mmdeeplab.config.registered import find_class
from mmdeeplab.errors import UserError

LENGTHS = {True: 'max_epochs', False: 'max_iters'}  # by whether epochs are counted
LOOPS = {True: EpochBasedTrainLoop, False: IterBasedTrainLoop}
WAYS = (
    "epochs: train_cfg=dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3), "
    "iterations: train_cfg=dict(_delete_=True, type='IterBasedTrainLoop', max_iters=2000, "
    'val_interval=200)'
)


def choose_loop(
    train_cfg: Mapping[str, Any], inherited: Callable[[str], bool] = lambda key: False
) -> dict[str, Any]:
    """``train_cfg`` with one loop and one length.

    It may have two lengths, as when a config adds ``by_epoch=True, max_epochs=3`` to the iterations
    of its base. Then ``by_epoch`` chooses, or ``type`` if the other length is ``inherited``. A
    validation interval longer than the run was the base's and is dropped.

    Raises:
        UserError: There are two lengths and nothing that chooses, no length, or one below 1.
    """
    loop = dict(train_cfg)
    chosen = loop.pop('by_epoch', None)
    if chosen not in (None, True, False):
        raise UserError(f'train_cfg.by_epoch must be True or False, got {chosen!r}')
    lengths = [key for key in LENGTHS.values() if loop.get(key) is not None]
    cls: Any = find_class(loop['type'], ('train_cfg',)) if loop.get('type') else None
    counts_epochs = chosen if chosen is not None else _counts_epochs(cls, lengths)
    if counts_epochs is None:  # a loop class of another project
        return loop
    length, other = LENGTHS[counts_epochs], LENGTHS[not counts_epochs]
    if chosen is None and cls is not None and len(lengths) == 2 and inherited(other):
        chosen = counts_epochs
    if length not in lengths or (len(lengths) == 2 and chosen is None):
        length_text = ' and '.join(f'{key}={loop[key]}' for key in lengths) or 'no length'
        setting = f'type={loop["type"]!r}' if chosen is None and cls else f'by_epoch={chosen}'
        raise UserError(f'train_cfg has {setting} and {length_text}; write for {WAYS}')
    for key in (length, 'val_interval'):
        value = loop.get(key, 1)
        if not isinstance(value, (int, float)) or value != int(value) or value < 1:
            raise UserError(f'train_cfg.{key} must be a whole number of at least 1, got {value}')
    if chosen is not None:
        if loop.pop(other, None) and loop.get('val_interval', 1) > loop[length]:
            loop.pop('val_interval')
        if cls is None or not issubclass(cls, LOOPS[counts_epochs]):
            loop['type'] = LOOPS[counts_epochs].__name__
    loop.setdefault('type', LOOPS[counts_epochs].__name__)
    return loop


def _counts_epochs(cls: Any, lengths: list[str]) -> bool | None:
    """Whether a loop counts epochs, by its class or its length; None if neither tells."""
    if cls is None:
        return 'max_epochs' in lengths
    return next((by_epoch for by_epoch, base in LOOPS.items() if issubclass(cls, base)), None)


def by_epoch(loop: Mapping[str, Any]) -> bool:
    """Whether a ``train_cfg`` from :func:`choose_loop` counts epochs."""
    return bool(_counts_epochs(find_class(loop['type'], ('train_cfg',)), []))
