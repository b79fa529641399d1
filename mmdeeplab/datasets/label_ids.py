"""From the ids in the files of masks to class ids, where 255 is void."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.label_map import IGNORE_INDEX

BYTES = 256


@dataclass(frozen=True)
class LabelIds:
    """What the ids of a data set's masks mean; everything behind the loading sees 255 as void.

    As in mmsegmentation the zero is reduced first, so ``ignore_index`` counts from the first class.

    Attributes:
        ignore_index: The label that is void, besides 255.
        reduce_zero_label: 0 is void, and id i + 1 is class i, as in ADE20K's masks.

    Raises:
        UserError: ``ignore_index`` is no whole number, or ``reduce_zero_label`` no bool.
    """

    ignore_index: int = IGNORE_INDEX
    reduce_zero_label: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.ignore_index, bool) or not isinstance(self.ignore_index, int):
            raise UserError(
                'ignore_index of a data set is the id that means "not labelled", a whole number, '
                f'got {self.ignore_index!r}; without one it is 255'
            )
        if not isinstance(self.reduce_zero_label, bool):
            raise UserError(f'reduce_zero_label is True or False, got {self.reduce_zero_label!r}')

    @property
    def label_map(self) -> dict[int, int] | None:
        """What mmsegmentation's ``LoadAnnotations`` replaces after it reduced the zero."""
        return None if self.ignore_index == IGNORE_INDEX else {self.ignore_index: IGNORE_INDEX}

    def of_counts(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Pixels by class id as text, from those by the files' id as text."""
        ids = np.array([int(text) for text in counts], np.int64)
        mapped: dict[str, int] = {}
        for label, count in zip(self(ids).tolist(), counts.values(), strict=True):
            mapped[str(label)] = mapped.get(str(label), 0) + count
        return mapped

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Class ids of an array of the files' ids, of its type; what is no byte stays as it is."""
        return class_ids(ids, self.reduce_zero_label, self.label_map)


PLAIN = LabelIds()


def class_ids(
    ids: np.ndarray, reduce_zero_label: bool, label_map: Mapping[int, int] | None
) -> np.ndarray:
    """Class ids as mmsegmentation's ``LoadAnnotations`` makes them, of ids of any integer type."""
    if not reduce_zero_label and not label_map:
        return ids
    table = np.arange(BYTES)
    if reduce_zero_label:
        table[:IGNORE_INDEX] -= 1
        table[0] = IGNORE_INDEX
    if ids.dtype != np.uint8:
        known = (ids >= 0) & (ids < BYTES)
        reduced = np.where(known, table[np.where(known, ids, 0)], ids)
        result = reduced.copy()
        for old, new in (label_map or {}).items():
            result[reduced == old] = new
        return result
    before = table.copy()
    for old, new in (label_map or {}).items():
        table[before == old] = new
    return table.astype(np.uint8)[ids]
