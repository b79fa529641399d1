"""Label a picture of any size by windows: each pixel gets the label of the most central window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import torch

from mmdeeplab.finite import require_finite_logits
from mmdeeplab.inference.sliding import SlidingWindows, Windowed
from mmdeeplab.inference.windows import window_starts
from mmdeeplab.models.atrous import corners_aligned
from mmdeeplab.picture_threads import chunks

STEP = 32  # pixels; windows begin at multiples of it, where the whole picture's maps have samples
ALIGNED, FREE = 17, 2  # least sides to pad to: with samples on the corners, and without


class Cut(NamedTuple):
    """A window along a side: pixels ``start`` to ``stop`` are read, those of ``kept`` labelled."""

    start: int
    stop: int
    kept: slice

    @property
    def seen(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def inner(self) -> slice:
        """The kept pixels, counted from the first pixel of the window."""
        return slice(self.kept.start - self.start, self.kept.stop - self.start)


def cuts(side: int, window: int, stride: int) -> list[Cut]:
    """The windows along a side; two neighbours each keep half of their overlap.

    So a pixel is labelled with at least ``(window - stride) // 2`` pixels seen on either side,
    unless the picture ends there. If the window is longer than :data:`STEP`, windows begin at
    multiples of it; the last one ends with the picture and may be shorter by up to that much.
    """
    if side <= window:
        return [Cut(0, side, slice(0, side))]
    grid = STEP if stride >= STEP else 1
    last_start = -(-(side - window) // grid) * grid
    starts = [*range(0, last_start, stride // grid * grid), last_start]
    stops = [min(start + window, side) for start in starts]
    borders = [0, *((a + b) // 2 for a, b in zip(stops, starts[1:], strict=False)), side]
    pairs = pairwise(borders)
    return [Cut(a, b, slice(*pair)) for a, b, pair in zip(starts, stops, pairs, strict=True)]


def count_rows(model: SlidingWindows, height: int) -> int:
    """Number of pieces that :func:`label_rows` gives for a picture of ``height`` pixels."""
    window, stride = model.window[0], model.stride[0]
    if model.mode == 'bands':
        return len(window_starts(height, min(window, height), stride))
    return len(cuts(height, window, stride))


@torch.no_grad()
def label_rows(model: SlidingWindows, picture: Windowed, name: object) -> Iterator[np.ndarray]:
    """Yield the labels (rows, W) uint8 of a picture, from the top.

    Only the windows of one pass and the labels of one row of windows are in memory. In the mode
    ``bands`` windows are averaged instead, as for pictures without coordinates.

    Args:
        model: The network with its windows.
        picture: The picture (C, H, W).
        name: Name of the picture, for messages.

    Raises:
        UserError: The logits are not finite.
    """
    sample = dict(img_path=str(name))
    if model.mode == 'bands':
        rows = model.label_bands(picture, sample)
        yield from (labels.cpu().numpy().astype(np.uint8, copy=False) for _, labels in rows)
        return
    sides = zip(picture.shape[1:], model.window, model.stride, strict=True)
    down, across = (cuts(*side) for side in sides)
    least = _least(model, picture.shape[1:])
    for row in down:
        labels = np.empty((row.kept.stop - row.kept.start, picture.shape[2]), np.uint8)
        for _, group in groupby(across, lambda cut: cut.stop - cut.start):
            for batch in chunks(group, model.batch):
                crops = [picture[:, row.seen, cut.seen] for cut in batch]
                for cut, logits in zip(batch, model.window_logits(crops, least), strict=True):
                    largest, window_labels = model.largest(logits[:, row.inner, cut.inner])
                    require_finite_logits(largest, sample)
                    labels[:, cut.kept] = window_labels.cpu().numpy()
        yield labels


def _least(model: SlidingWindows, size: tuple[int, ...]) -> tuple[int, int]:
    """(H, W) to which crops are padded at least, so that they look as in the whole picture."""
    test_size = tuple(getattr(model.network.data_preprocessor, 'test_size', model.window))
    free = ALIGNED if corners_aligned(test_size) else FREE
    height, width = (
        free if side > window else least
        for side, window, least in zip(size, model.window, test_size, strict=True)
    )
    return height, width
