"""From coarse logits to labels: the classes that win nowhere are not resized."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.engine.finite import refuse

ROUNDING = 1e-5  # of the largest score; several times what resizing twice can lose in float32


def makes_labels(model: object) -> bool:
    """Whether :func:`predict_labels` does for this network what its ``test_step`` does."""
    return (
        isinstance(model, EncoderDecoder)
        and model.out_channels > 1
        and model.test_cfg.get('mode', 'whole') == 'whole'
    )


@torch.no_grad()
def predict_labels(model: EncoderDecoder, data: dict) -> list[SegDataSample]:
    """``model.test_step(data)`` without ``seg_logits``: the same labels, none of the large logits.

    Raises:
        UserError: The logits of an image are not finite.
    """
    data = model.data_preprocessor(data, False)
    scores = model._forward(data['inputs'])
    for logits, sample in zip(scores, data['data_samples'], strict=True):
        refuse(logits, sample)
        labels = label_map(
            logits,
            sample.pad_shape,
            sample.img_padding_size,
            sample.ori_shape,
            model.align_corners,
        )
        sample.set_data(dict(pred_sem_seg=PixelData(data=labels[None])))
    return data['data_samples']


def label_map(
    logits: Tensor,
    padded: Sequence[int],
    padding: Sequence[int],
    size: Sequence[int],
    align_corners: bool,
) -> Tensor:
    """Class of the largest logit after resizing bilinearly to ``padded``, cutting, and to ``size``.

    Identical to resizing every class (:func:`winners`). Where few classes share an image, few are
    resized.

    Args:
        logits: (C, h, w).
        padded: (H, W) of the image with its padding.
        padding: Left, right, top and bottom pixels of it that are not the image's.
        size: (H, W) of the labels.
        align_corners: As the network resizes.

    Returns:
        (H, W) uint8, int64 where there are more than 256 classes.
    """
    kept = winners(logits)
    few = resize(logits[kept] if len(kept) < len(logits) else logits, padded, align_corners)
    left, right, top, bottom = padding
    few = few[:, top : few.shape[1] - bottom, left : few.shape[2] - right]
    labels = resize(few, size, align_corners).max(0)[1]  # several times as fast as argmax
    return kept.to(torch.uint8 if len(logits) <= 256 else torch.int64)[labels]


def winners(logits: Tensor) -> Tensor:
    """Classes, in order, that may have the largest score somewhere between the grid's points.

    Between four points a class loses where it is below the mean of their winners at all four:
    interpolation keeps that order, and the mean is never above the largest of what it is made of.
    Between points with one winner that holds for all others, so only borders are looked at.

    Args:
        logits: (C, h, w). Where borders are everywhere all classes are returned.
    """
    flat = logits.flatten(1)
    top, ids = flat.max(0)
    margin = ROUNDING * torch.maximum(top.amax(), -flat.amin())
    found = (flat >= top - margin).any(1)
    corners = _corners(*logits.shape[1:]).to(logits.device)
    four = ids[corners]
    border = (four != four[:1]).any(0)
    if 2 * int(border.sum()) > border.numel():
        return torch.arange(len(logits), device=logits.device)
    four = four[:, border]  # (4, borders)
    scores = flat[:, corners[:, border]]  # (C, 4, borders)
    new = torch.stack([(four[:i] != four[i]).all(0) for i in range(4)])  # each winner once
    shares = (new / new.sum(0)).to(scores.dtype)
    mean = torch.zeros_like(scores[0])
    for owner, share in zip(four, shares, strict=True):
        mean += scores.gather(0, owner.expand(1, 4, -1))[0] * share
    return (found | (scores >= mean - margin).flatten(1).any(1)).nonzero()[:, 0]


@lru_cache(maxsize=8)
def _corners(height: int, width: int) -> Tensor:
    """Places in a flat map of the four points around each cell: (4, cells)."""
    places = torch.arange(height * width).view(height, width)
    h, w = max(height - 1, 1), max(width - 1, 1)
    starts = [(i, j) for i in (0, height - h) for j in (0, width - w)]
    return torch.stack([places[i : i + h, j : j + w].flatten() for i, j in starts])


def resize(maps: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """(C, h, w) -> (C, *size)."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    return F.interpolate(maps[None], tuple(size), mode='bilinear', align_corners=align_corners)[0]
