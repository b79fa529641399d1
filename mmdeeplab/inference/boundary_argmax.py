"""Compute labels from coarse logits, interpolating only at the borders between classes."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

ROUNDING = 3e-6  # of the largest score; more than resizing twice can lose in float32 (2e-6)
SHARE = 0.25  # of the places between coarse points; with more borders all is resized faster
EXACT = (torch.float32, torch.float64)  # narrower numbers lose more than ROUNDING


class Resize(NamedTuple):
    """Resize one side bilinearly to ``size`` pixels and keep those from ``start`` to ``stop``."""

    size: int
    start: int
    stop: int


class Reach(NamedTuple):
    """From which coarse pixels each of N fine pixels along a side is interpolated.

    Attributes:
        first: (N,) index of the first of n neighbouring coarse pixels.
        weights: (n, N) weights of these pixels.
    """

    first: Tensor
    weights: Tensor


def operator(
    length: int, steps: Sequence[Resize], align_corners: bool, dtype: torch.dtype = torch.float32
) -> Tensor:
    """All steps along a side of ``length`` pixels as one matrix (N, length)."""
    x = torch.eye(length, dtype=dtype)[None, :, :, None]  # (1, unit vectors, length, 1)
    for size, start, stop in steps:
        if size != x.shape[2]:
            x = F.interpolate(x, (size, 1), mode='bilinear', align_corners=align_corners)
        x = x[:, :, start:stop]
    return x[0, :, :, 0].T.contiguous()


@lru_cache(maxsize=32)
def reach(length: int, steps: tuple[Resize, ...], align_corners: bool, dtype: torch.dtype) -> Reach:
    """The non-zero entries of the matrix of the resizing steps."""
    matrix = operator(length, steps, align_corners, dtype)
    places = torch.arange(length).expand_as(matrix)
    first = places.masked_fill(matrix == 0, length).amin(1)
    count = int((places.masked_fill(matrix == 0, -1).amax(1) - first).max()) + 1
    first = first.clamp(max=length - count)
    weights = matrix.gather(1, first[:, None] + torch.arange(count))
    return Reach(first, weights.T.contiguous())


def boundary_labels(
    logits: Tensor,
    rows: Sequence[Resize],
    columns: Sequence[Resize],
    align_corners: bool,
    exact: Callable[[Tensor], Tensor] | None = None,
) -> Tensor | None:
    """The class with the largest score at every pixel of the resized logits.

    If a class has the largest score, by more than rounding errors, at all coarse pixels from which
    a fine pixel is interpolated, it also has it at the fine pixel. Only the other pixels, at
    borders between classes, are interpolated. Between classes whose scores differ by less than
    rounding errors, ``exact`` decides.

    Args:
        logits: (C, h, w).
        rows: Resizing steps of the height, in order.
        columns: Resizing steps of the width, in order.
        align_corners: Whether corner pixels stay corner pixels.
        exact: Resizes the logits of the classes (k,) to (k, H, W); without it, rounding errors
            decide.

    Returns:
        (H, W) uint8, int64 if there are more than 256 classes. None if there are so many borders,
        or logits of so short a type, that resizing all logits is better.
    """
    if logits.dtype not in EXACT:
        return None
    sides = zip(logits.shape[1:], (rows, columns), strict=True)
    reaches = [reach(length, tuple(s), align_corners, logits.dtype) for length, s in sides]
    logits, down, across = _cut(logits, *reaches)
    largest, ids = logits.max(0)
    least, most = torch.aminmax(logits)
    margin = ROUNDING * torch.maximum(most, -least)
    dtype = label_dtype(len(logits))
    sure = (logits >= largest - margin).sum(0, dtype=dtype) == 1
    shape = len(down.weights), len(across.weights)
    border = _mixed(ids, sure, shape)
    if int(border.sum()) > SHARE * border.numel():
        return None
    labels = _spread(ids.to(dtype), down, across)
    places = _spread(border, down, across).nonzero(as_tuple=True)
    if len(places[0]):
        class_ids = contenders(logits, ids, border, shape, margin)
        scores = _interpolate(logits[class_ids], down, across, places)
        labels[places] = _winners(scores, class_ids, margin, places, exact).to(dtype)
    return labels


def label_dtype(classes: int) -> torch.dtype:
    """The type of labels: uint8 for up to 256 classes, otherwise int64."""
    return torch.uint8 if classes <= 256 else torch.int64


def _cut(logits: Tensor, down: Reach, across: Reach) -> tuple[Tensor, Reach, Reach]:
    """Cut the coarse logits to the pixels that are used; adapt the indices of both sides."""
    windows, moved = [], []
    for side in (down, across):
        start = int(side.first[0])
        windows.append(slice(start, int(side.first[-1]) + len(side.weights)))
        first, weights = side.first - start, side.weights
        moved.append(Reach(first.to(logits.device), weights.to(logits.device)))
    return logits[:, windows[0], windows[1]].contiguous(), moved[0], moved[1]


def _spread(coarse: Tensor, down: Reach, across: Reach) -> Tensor:
    """(h, w) -> (H, W): for each fine pixel the value at its first coarse pixel."""
    return coarse.index_select(1, across.first).index_select(0, down.first)


def _corners(maps: Tensor, shape: tuple[int, int]) -> list[Tensor]:
    """Views (..., h - n + 1, w - m + 1) of each of the n x m coarse pixels of every window."""
    height, width = (a - b + 1 for a, b in zip(maps.shape[-2:], shape, strict=True))
    return [
        maps[..., i : i + height, j : j + width] for i in range(shape[0]) for j in range(shape[1])
    ]


def _mixed(ids: Tensor, sure: Tensor, shape: tuple[int, int]) -> Tensor:
    """Which windows of n x m coarse pixels do not surely have one class in common.

    Returns:
        (h - n + 1, w - m + 1) bool.
    """
    marked = ids.masked_fill(~sure, -1)
    first, *others = _corners(marked, shape)
    mixed = first < 0
    for other in others:
        mixed |= other != first
    return mixed


def contenders(
    logits: Tensor, ids: Tensor, border: Tensor, shape: tuple[int, int], margin: Tensor
) -> Tensor:
    """The classes, in order, that may have the largest score at some border pixel.

    A class cannot win where at all coarse pixels its score is below the mean score of the classes
    that are largest at these pixels: that holds for the interpolated scores as well, and a mean is
    never above the largest of its terms.
    """
    scores = torch.stack([corner[:, border] for corner in _corners(logits, shape)], 1)
    mean = torch.zeros_like(scores[0])  # (points, borders)
    for owner in (owners := _corners(ids, shape)):
        mean += scores.gather(0, owner[border].expand(1, len(mean), -1))[0]
    mean /= len(owners)
    return (scores >= mean - margin).flatten(1).any(1).nonzero()[:, 0]


def _interpolate(logits: Tensor, down: Reach, across: Reach, places: tuple[Tensor, ...]) -> Tensor:
    """Interpolate logits (k, h, w) at P pixels of the fine grid: (k, P)."""
    y, x = places
    start = down.first[y] * logits.shape[2] + across.first[x]
    flat = logits.flatten(1)
    scores = flat.new_zeros(len(flat), len(y))
    for i, row in enumerate(down.weights):
        for j, column in enumerate(across.weights):
            points = flat.index_select(1, start + (i * logits.shape[2] + j))
            scores.addcmul_(points, row[y] * column[x])
    return scores


def _winners(
    scores: Tensor,
    class_ids: Tensor,
    margin: Tensor,
    places: tuple[Tensor, ...],
    exact: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """Ids (P,) of the classes with the largest of the scores (k, P)."""
    best, number = scores.max(0)
    winners = class_ids[number]
    if exact is None:
        return winners
    rivals = scores >= best - margin
    if int(rivals.sum()) > len(winners):
        tied = rivals.sum(0) > 1
        candidates = class_ids[rivals[:, tied].any(1)]
        y, x = (place[tied] for place in places)
        winners[tied] = candidates[exact(candidates)[:, y, x].max(0)[1]]
    return winners
