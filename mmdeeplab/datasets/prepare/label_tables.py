"""Tables from the ids in the publishers' masks to class ids."""

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX

UNKNOWN = -1

# cityscapesScripts, helpers/labels.py: of the 34 ids those that are evaluated, in their order.
CITYSCAPES_EVALUATED = (
    *(7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33),
)
# COCO's categories without an instance, less one, as the pixels of COCO-Stuff's masks count.
COCO_STUFF_GAPS = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
# labels.txt of PASCAL Context: the numbers of its 59 frequent classes among 459, by the alphabet.
PASCAL_CONTEXT_FREQUENT = (
    *(2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113),
    *(115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324),
    *(326, 347, 349, 354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458),
)


def _table(ids: dict[int, int], size: int, others: int = UNKNOWN) -> np.ndarray:
    table = np.full(size, others, np.int16)
    for stored, label in ids.items():
        table[stored] = label
    return table


def cityscapes() -> np.ndarray:
    """The table (256,) for Cityscapes: classes 0 to 18, void for ids that are not evaluated."""
    void = dict.fromkeys((*range(34), IGNORE_INDEX), IGNORE_INDEX)
    return _table(void | {i: n for n, i in enumerate(CITYSCAPES_EVALUATED)}, 256)


def coco_stuff() -> np.ndarray:
    """The table (256,) for COCO-Stuff's ids up to 182: classes 0 to 170 without gaps, 255 void."""
    stored = [i for i in range(182) if i not in COCO_STUFF_GAPS]
    return _table({i: n for n, i in enumerate(stored)} | {IGNORE_INDEX: IGNORE_INDEX}, 256)


def pascal_context() -> np.ndarray:
    """The table (460,) for PASCAL Context's 459 numbers: classes 1 to 59, background for others."""
    ids = {i: n for n, i in enumerate(PASCAL_CONTEXT_FREQUENT, 1)}
    return _table(ids, 460, others=0)


def apply(table: np.ndarray, ids: np.ndarray, name: str) -> np.ndarray:
    """Convert a mask's ids (H, W) to class ids (H, W) uint8 by a table.

    Raises:
        UserError: The mask, called ``name``, has an id that the data set does not have.
    """
    in_table = ids < len(table)
    labels = np.where(in_table, table[np.where(in_table, ids, 0)], UNKNOWN)
    if (labels == UNKNOWN).any():
        strange = np.unique(ids[labels == UNKNOWN])[:5].tolist()
        raise UserError(f'{name} holds ids that its data set does not have: {strange}')
    return labels.astype(np.uint8)
