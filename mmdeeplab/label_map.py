"""Maps of class ids: which id is void, and counting in maps whose pixels come in runs."""

import cv2
import numpy as np

IGNORE_INDEX = 255
"""Label id of the void border, which takes part in neither loss nor score."""
FEW = 2**14  # pixels that are counted as they come
SHORT = 8  # pixels; where runs are shorter on average a histogram is faster


def run_lengths(*maps: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the runs of pixels end that are equal in every map, and how long they are.

    Args:
        maps: Of one shape; read row by row, from one row on into the next.

    Returns:
        Last places of the runs in the flat maps and lengths, both (N) int64; None where runs are
        short.
    """
    first, *others = (each.ravel() for each in maps)
    ends = np.ones(first.size, bool)
    inner = ends[:-1]
    np.not_equal(first[1:], first[:-1], out=inner)
    for other in others:
        inner |= other[1:] != other[:-1]
    if np.count_nonzero(ends) * SHORT > first.size:
        return None
    (last,) = ends.nonzero()
    return last, np.diff(last, prepend=-1)


def histogram(mask: np.ndarray) -> np.ndarray:
    """Pixels (256) of each label of an (H, W) uint8 mask."""
    if mask.size < FEW:
        return np.bincount(mask.ravel(), minlength=256)
    if runs := run_lengths(mask):
        ends, lengths = runs
        return np.bincount(mask.ravel()[ends], lengths, 256).astype(int)
    if mask.size >= 2**24:  # above, OpenCV's float32 counts are inexact
        return np.bincount(mask.ravel(), minlength=256)
    return cv2.calcHist([mask], [0], None, [256], [0, 256]).ravel().astype(np.int64)
