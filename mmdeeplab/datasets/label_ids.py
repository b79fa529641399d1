"""Map the ids in mask files to class ids, in which 255 is void."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX

BYTES = 256


@dataclass(frozen=True)
class LabelIds:
    """The meaning of the ids in a data set's masks; once loaded, void is always 255.

    As in mmsegmentation, ``reduce_zero_label`` is applied first, so that ``ignore_index`` is the id
    of a class and not of the file.

    Attributes:
        ignore_index: The class id that is void, besides 255.
        reduce_zero_label: Whether id 0 of the files is void and id i + 1 is class i (ADE20K).

    Raises:
        UserError: ``ignore_index`` is not an integer, or ``reduce_zero_label`` not a bool.
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
        """The map of ids that mmsegmentation's ``LoadAnnotations`` applies after reducing zero."""
        return None if self.ignore_index == IGNORE_INDEX else {self.ignore_index: IGNORE_INDEX}

    def of_counts(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Convert numbers of pixels by the files' ids into numbers by class id; ids are strings."""
        ids = np.array([int(text) for text in counts], np.int64)
        mapped: dict[str, int] = {}
        for label, count in zip(self(ids).tolist(), counts.values(), strict=True):
            mapped[str(label)] = mapped.get(str(label), 0) + count
        return mapped

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Map an array of the files' ids to class ids of its type; ids beyond 0 to 255 stay."""
        return class_ids(ids, self.reduce_zero_label, self.label_map)


PLAIN = LabelIds()


def class_ids(
    ids: np.ndarray, reduce_zero_label: bool, label_map: Mapping[int, int] | None
) -> np.ndarray:
    """Map ids of any integer type to class ids, as mmsegmentation's ``LoadAnnotations`` does."""
    if not reduce_zero_label and not label_map:
        return ids
    table = np.arange(BYTES)
    if reduce_zero_label:
        table[:IGNORE_INDEX] -= 1
        table[0] = IGNORE_INDEX
    if ids.dtype != np.uint8:
        in_table = (ids >= 0) & (ids < BYTES)
        reduced = np.where(in_table, table[np.where(in_table, ids, 0)], ids)
        result = reduced.copy()
        for old, new in (label_map or {}).items():
            result[reduced == old] = new
        return result
    before = table.copy()
    for old, new in (label_map or {}).items():
        table[before == old] = new
    return table.astype(np.uint8)[ids]
