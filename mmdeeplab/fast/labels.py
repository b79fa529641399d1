"""From coarse logits to a label map, up-sampled and compared in bands of rows."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

BAND = 2**16  # scores in one band; they stay in the cache between resizing and comparing


class Resize(NamedTuple):
    """One step along one side: bilinear to ``size``, then the cells ``start`` to ``stop``."""

    size: int
    start: int
    stop: int


def label_map(
    logits: Tensor, rows: Sequence[Resize], columns: Sequence[Resize], align_corners: bool
) -> Tensor:
    """Class of every pixel, (H, W) int64, without ever holding C x H x W scores.

    Resizing works on rows and columns apart. Columns are resized first, (C, h, w) -> (h, C, W);
    then each band of output rows is a small matrix times the few coarse rows below it.

    Args:
        logits: (C, h, w).
        rows: Steps of the height, one after another.
        columns: Steps of the width.
        align_corners: Where the grids meet.
    """
    classes, height, _ = logits.shape
    x = logits.permute(1, 0, 2)[None].contiguous()
    for size, start, stop in columns:
        if size != x.shape[3]:
            x = F.interpolate(x, (classes, size), mode='bilinear', align_corners=align_corners)
        x = x[..., start:stop]
    width = x.shape[3]
    flat = x[0].reshape(height, classes * width)
    operator, bands = row_operator(height, tuple(rows), align_corners, BAND // (classes * width))
    labels = torch.empty(len(operator), width, dtype=torch.int64)
    for top, bottom, low, high in bands:
        scores = operator[top:bottom, low:high] @ flat[low:high]
        labels[top:bottom] = scores.view(-1, classes, width).max(1)[1]
    return labels


@lru_cache(maxsize=32)
def row_operator(
    height: int, steps: tuple[Resize, ...], align_corners: bool, least: int
) -> tuple[Tensor, list[tuple[int, int, int, int]]]:
    """The resizing of rows as a matrix (H, h), and its bands.

    A band is (first row, last row + 1, first coarse row, last coarse row + 1), all that are not 0.
    """
    x = torch.eye(height)[None, :, :, None]  # (1, unit vectors, h, 1)
    for size, start, stop in steps:
        if size != x.shape[2]:
            x = F.interpolate(x, (size, 1), mode='bilinear', align_corners=align_corners)
        x = x[:, :, start:stop]
    operator = x[0, :, :, 0].T.contiguous()
    bands = []
    for top in range(0, len(operator), max(least, 8)):
        bottom = min(top + max(least, 8), len(operator))
        used = operator[top:bottom].ne(0).any(0).nonzero()
        bands.append((top, bottom, int(used[0]), int(used[-1]) + 1))
    return operator, bands
