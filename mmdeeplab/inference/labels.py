"""From coarse logits to labels: the classes that win nowhere are not resized."""

from collections.abc import Callable, Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.engine.finite import refuse_logits

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
        sample.set_data(dict(seg_logits=PixelData(data=logits)))
        refuse_logits([sample])
        del sample.seg_logits
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

    Identical to resizing every class: an interpolated score lies between the least and the largest
    of its four neighbours, so a class whose largest neighbour is everywhere below another class's
    least one cannot be the largest. Where few classes share an image, few are resized.

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
    """Classes, in order, that may have the largest score somewhere between the grid's points."""
    high = _neighbours(logits, torch.maximum)
    low = _neighbours(logits, torch.minimum).amax(0)
    margin = ROUNDING * torch.maximum(logits.amax(), -logits.amin())
    return (high >= low - margin).flatten(1).any(1).nonzero()[:, 0]


def _neighbours(maps: Tensor, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """(C, h, w) -> (C, max(h - 1, 1), max(w - 1, 1)): the least or largest of each 2 x 2 points."""
    for axis in (1, 2):
        length = max(maps.shape[axis] - 1, 1)
        maps = choose(
            maps.narrow(axis, 0, length), maps.narrow(axis, maps.shape[axis] - length, length)
        )
    return maps


def resize(maps: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """(C, h, w) -> (C, *size)."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    return F.interpolate(maps[None], tuple(size), mode='bilinear', align_corners=align_corners)[0]
