"""Choose a few of many rows, evenly spread."""

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar('Row')


def spread(rows: Sequence[Row], count: int) -> Sequence[Row]:
    """``count`` of the rows, evenly spread; all of them if there are no more."""
    return [rows[i * len(rows) // count] for i in range(count)] if count < len(rows) else rows
