"""Resize images and masks with aligned corners; on request only a window of the result."""

import cv2
import numpy as np
import torch
from torch.nn import functional as F

Window = tuple[slice, slice]
"""Rows and columns."""


def resize_bilinear(
    image: np.ndarray, size: tuple[int, ...], window: Window | None = None
) -> np.ndarray:
    """Resize an image (H, W, C) bilinearly with aligned corners.

    The result has the image's type and differs by at most one level from exact interpolation.
    Integers of more than 8 bits are interpolated in float32 and rounded once.

    Args:
        image: The image.
        size: (H, W) of the result.
        window: Rows and columns of the result to compute; their values are those that the whole
            result has there.
    """
    if image.dtype == np.uint16:  # PyTorch interpolates none
        return np.rint(resize_bilinear(image.astype(np.float32), size, window)).astype(np.uint16)
    if window is None:
        return _interpolate(image, size)
    rows, columns = window
    height = image.shape[0]
    step = (height - 1) / max(size[0] - 1, 1)
    # One row more than needed on each side: the step is rounded.
    first = max(int(rows.start * step) - 1, 0)
    last = min(int((rows.stop - 1) * step) + 3, height)
    # torch resizes along rows first and rounds between. Rows that no result looks at stay unset.
    narrow = np.empty((height, columns.stop - columns.start, *image.shape[2:]), image.dtype)
    narrow[first:last] = _interpolate(image[first:last], (last - first, size[1]))[:, columns]
    return _interpolate(narrow, (size[0], narrow.shape[1]))[rows]


def _interpolate(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    # Without a copy: in this layout (N, H, W, C) torch's kernel for bytes is several times faster.
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None].permute(0, 3, 1, 2)
    resized = F.interpolate(tensor, size, mode='bilinear', align_corners=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def resize_nearest(
    mask: np.ndarray, size: tuple[int, ...], window: Window | None = None
) -> np.ndarray:
    """Resize a mask (H, W) with aligned corners: each pixel takes the nearest label, as in TF.

    Between two equally near pixels the one with the higher index is taken.

    Args:
        mask: The labels.
        size: (H, W) of the result.
        window: Rows and columns of the result to compute.
    """
    rows, columns = (nearest_indices(old, new) for old, new in zip(mask.shape, size, strict=True))
    if window is not None:
        rows, columns = rows[window[0]], columns[window[1]]
    return take(mask, rows, columns)


def take(mask: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """``mask[rows[:, None], columns]``, many times faster: first whole rows, then columns."""
    return cv2.transpose(cv2.transpose(mask)[columns])[rows]


def nearest_indices(old: int, new: int) -> np.ndarray:
    """Nearest of ``old`` pixels for each of ``new`` ones: round(i (old - 1) / (new - 1))."""
    if new == 1:
        return np.zeros(1, np.int64)
    return (2 * np.arange(new) * (old - 1) + (new - 1)) // (2 * (new - 1))
