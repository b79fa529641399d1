"""Where a crop lies, by mmseg's draws."""

from collections.abc import Callable, Sequence

import numpy as np

from mmdeeplab.datasets.transforms.resize import Window
from mmdeeplab.label_map import IGNORE_INDEX, histogram

TRIES = 10  # for a crop that no class fills, as in mmseg


def both(size: int | Sequence[int]) -> tuple[int, int]:
    """(H, W)."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def cut(results: dict, window: Window) -> None:
    """Crop the image and its masks."""
    for key in ('img', *results.get('seg_fields', [])):
        results[key] = results[key][window]


def draw_window(
    size: tuple[int, ...],
    crop: tuple[int, ...],
    cat_max_ratio: float,
    labels: Callable[[Window], np.ndarray],
) -> Window:
    """Where to crop, by mmseg's draws in mmseg's order.

    Args:
        size: (H, W) that is cropped.
        crop: (H, W) of the crop.
        cat_max_ratio: From this share of one class on, another place is drawn.
        labels: The mask (H, W) inside a window.
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
    """Two classes at least, and none has ``cat_max_ratio`` of the labelled pixels."""
    counts = histogram(mask)
    counts[IGNORE_INDEX] = 0
    most = counts.max()
    return bool(np.count_nonzero(counts) > 1 and most / counts.sum() < cat_max_ratio)
