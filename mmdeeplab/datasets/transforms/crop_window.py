"""Draw the window of a random crop, with the same random numbers as mmseg's ``RandomCrop``."""

from collections.abc import Callable, Sequence

import numpy as np

from mmdeeplab.datasets.transforms.resize import Window
from mmdeeplab.label_counts import IGNORE_INDEX, histogram

TRIES = 10  # for a crop that no class fills, as in mmseg


def both(size: int | Sequence[int]) -> tuple[int, int]:
    """A size (H, W), also where one number is given for both."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def cut(results: dict, window: Window) -> None:
    """Crop the image and the masks of ``results`` to a window, in place."""
    for key in ('img', *results.get('seg_fields', [])):
        results[key] = results[key][window]


def draw_window(
    size: tuple[int, ...],
    crop: tuple[int, ...],
    cat_max_ratio: float,
    labels: Callable[[Window], np.ndarray],
) -> Window:
    """Draw a window, with mmseg's random draws in mmseg's order.

    Args:
        size: (H, W) of the image that is cropped.
        crop: (H, W) of the crop.
        cat_max_ratio: If one class has at least this share of the labels, another window is drawn.
        labels: Gives the labels (h, w) inside a window.
    """
    window = _draw(size, crop)
    for _ in range(TRIES if cat_max_ratio < 1 else 0):
        if is_mixed(labels(window), cat_max_ratio):
            break
        window = _draw(size, crop)
    return window


def _draw(size: tuple[int, ...], crop: tuple[int, ...]) -> Window:
    starts = [np.random.randint(max(a - b, 0) + 1) for a, b in zip(size, crop, strict=True)]
    rows, columns = (
        slice(start, min(start + side, whole))
        for start, side, whole in zip(starts, crop, size, strict=True)
    )
    return rows, columns


def is_mixed(mask: np.ndarray, cat_max_ratio: float) -> bool:
    """Whether a mask has several classes, none with ``cat_max_ratio`` of the labelled pixels."""
    counts = histogram(mask)
    counts[IGNORE_INDEX] = 0
    most = counts.max()
    return bool(np.count_nonzero(counts) > 1 and most / counts.sum() < cat_max_ratio)
