"""Guess the class ids in masks whose values are grey levels or that have soft edges."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from mmdeeplab.datasets.check.levels import grey_values, has_holes, ids_by_rank
from mmdeeplab.datasets.check.report import CheckedSource
from mmdeeplab.datasets.image_io import read_bytes
from mmdeeplab.datasets.mask_io import decode_pixels
from mmdeeplab.errors import UserError

MASKS_READ = 200  # to tell flat values from edges
MANY = 64  # values; more are looked at, even without holes
FLAT_SHARE = 0.1  # of a value's pixels, in the middle of 3x3 equal ones
FLAT_LEAST = 2e-4  # of all flat pixels
NOISE = 8  # values at most so far from a more frequent one are taken as its noise
SHOWN = 8


@dataclass(frozen=True)
class Levels:
    """The meaning of the values in masks.

    Attributes:
        ids: Class ids (255 for void) by the values that stand for a class.
        edges: Number of other values, which occur only on edges between classes.
    """

    ids: Mapping[int, int]
    edges: int = 0

    @property
    def as_they_are(self) -> bool:
        """Whether the values in the masks are class ids already."""
        return not self.edges and all(value == i for value, i in self.ids.items())

    def __str__(self) -> str:
        """``0 -> 0, 128 -> 1``."""
        listed = [f'{value} -> {i}' for value, i in self.ids.items()]
        return ', '.join(listed[:SHOWN]) + (', ...' if len(listed) > SHOWN else '')


def guess_levels(checked: Iterable[CheckedSource]) -> Levels | None:
    """Guess the meaning of the values in masks; None if they are in colour or have no values."""
    checked = list(checked)
    samples = [sample for each in checked for sample in each.samples.values()]
    values: Counter[int] = Counter()
    for sample in samples:
        values.update({int(i): n for i, n in sample.counts.items()})
        for colour, n in sample.colours.items():
            red, green, blue = map(int, colour.split(','))
            if not red == green == blue:
                return None
            values[red] += n
    if values and not has_holes(values) and len(values) <= MANY:
        return Levels(ids_by_rank(sorted(values)))
    flat, seen = _flat_pixels(checked)
    values = values or seen
    areas = _areas(seen, flat)
    edges = len(values) - len(areas)
    if not areas or edges < max(4, len(areas)):
        return Levels(ids_by_rank(sorted(values))) if values else None
    return Levels(ids_by_rank(_apart(areas) or sorted({min(seen), max(seen)})), edges)


def _flat_pixels(checked: list[CheckedSource]) -> tuple[Counter[int], Counter[int]]:
    """Count pixels of some masks by value: those inside 3x3 equal pixels, and all of them."""
    flat: Counter[int] = Counter()
    seen: Counter[int] = Counter()
    paths = [each.source.mask(name) for each in checked for name in each.samples]
    for path in paths[:: max(1, len(paths) // MASKS_READ)]:
        try:
            values = grey_values(decode_pixels(read_bytes(path, 'mask'), path), path)
        except UserError:  # the check reports it
            continue
        window = np.ones((3, 3), np.uint8)
        small = values.astype(np.float32)
        equal = cv2.erode(small, window) == cv2.dilate(small, window)
        for counter, chosen in ((flat, values[equal]), (seen, values)):
            distinct, counts = np.unique(chosen, return_counts=True)
            counter.update(dict(zip(distinct.tolist(), counts.tolist(), strict=True)))
    return flat, seen


def _areas(seen: Counter[int], flat: Counter[int]) -> list[int]:
    """Values of whole areas, not only of edges; those with the largest areas first."""
    least = FLAT_LEAST * flat.total()
    return [v for v, n in flat.most_common() if n >= max(least, FLAT_SHARE * seen[v])]


def _apart(areas: list[int]) -> list[int]:
    """Drop values close to those of larger areas, as noise; empty if only one value is left."""
    distinct: list[int] = []
    for value in areas:
        if all(abs(value - other) > NOISE for other in distinct):
            distinct.append(value)
    return sorted(distinct) if len(distinct) > 1 else []
