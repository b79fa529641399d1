"""The id of void in label maps, and fast counting in them by runs of equal pixels."""

import cv2
import numpy as np

IGNORE_INDEX = 255
"""Label id of the void border, which takes part in neither loss nor score."""
FEW = 2**14  # pixels that are counted as they come
SHORT = 8  # pixels; where runs are shorter on average a histogram is faster


def run_lengths(*maps: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Find the runs of pixels along which no map changes.

    Args:
        maps: Maps of one shape, read row by row; a run may go on in the next row.

    Returns:
        The last position in the flattened maps, and the length, of each run, both (N,) int64; None
        if the runs are short.
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
    """Number of pixels of each label, (256,), in a mask (H, W) uint8."""
    if mask.size < FEW:
        return np.bincount(mask.ravel(), minlength=256)
    if runs := run_lengths(mask):
        ends, lengths = runs
        return np.bincount(mask.ravel()[ends], lengths, 256).astype(int)
    if mask.size >= 2**24:  # above, OpenCV's float32 counts are inexact
        return np.bincount(mask.ravel(), minlength=256)
    return cv2.calcHist([mask], [0], None, [256], [0, 256]).ravel().astype(np.int64)
