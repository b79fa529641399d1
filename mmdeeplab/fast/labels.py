"""From coarse logits to a label map: borders alone, or up-sampled and compared in bands of rows."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.inference.borders import Resize, border_labels, kind_for, operator

BAND = 2**16  # scores in one band; they stay in the cache between resizing and comparing


def label_map(
    logits: Tensor, rows: Sequence[Resize], columns: Sequence[Resize], align_corners: bool
) -> Tensor:
    """Class of every pixel, without ever holding C x H x W scores.

    Where borders are few, only they are computed
    (:func:`~mmdeeplab.inference.borders.border_labels`). Elsewhere resizing works on rows and
    columns apart. Columns are resized first, (C, h, w) -> (h, C, W); then each band of output rows
    is a small matrix times the few coarse rows below it.

    Args:
        logits: (C, h, w).
        rows: Steps of the height, one after another.
        columns: Steps of the width.
        align_corners: Where the grids meet.

    Returns:
        (H, W) uint8, int64 where there are more than 256 classes.
    """
    found = border_labels(logits, rows, columns, align_corners)
    if found is not None:
        return found
    classes, height, _ = logits.shape
    x = logits.permute(1, 0, 2)[None].contiguous()
    for size, start, stop in columns:
        if size != x.shape[3]:
            x = F.interpolate(x, (classes, size), mode='bilinear', align_corners=align_corners)
        x = x[..., start:stop]
    width = x.shape[3]
    flat = x[0].reshape(height, classes * width)
    matrix, bands = row_operator(height, tuple(rows), align_corners, BAND // (classes * width))
    labels = torch.empty(len(matrix), width, dtype=kind_for(classes))
    for top, bottom, low, high in bands:
        scores = matrix[top:bottom, low:high] @ flat[low:high]
        labels[top:bottom] = scores.view(-1, classes, width).max(1)[1]
    return labels


@lru_cache(maxsize=32)
def row_operator(
    height: int, steps: tuple[Resize, ...], align_corners: bool, least: int
) -> tuple[Tensor, list[tuple[int, int, int, int]]]:
    """The resizing of rows as a matrix (H, h), and its bands.

    A band is (first row, last row + 1, first coarse row, last coarse row + 1), all that are not 0.
    """
    matrix = operator(height, steps, align_corners)
    bands = []
    for top in range(0, len(matrix), max(least, 8)):
        bottom = min(top + max(least, 8), len(matrix))
        used = matrix[top:bottom].ne(0).any(0).nonzero()
        bands.append((top, bottom, int(used[0]), int(used[-1]) + 1))
    return matrix, bands
