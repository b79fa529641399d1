"""Compute labels from coarse logits without resizing all logits to the image."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.finite import require_finite_logits
from mmdeeplab.inference.boundary_argmax import Resize, boundary_labels, label_dtype


def makes_labels(model: object) -> bool:
    """Whether :func:`predict_labels` gives the labels of this network's ``test_step``."""
    return (
        isinstance(model, EncoderDecoder)
        and model.out_channels > 1
        and model.test_cfg.get('mode', 'whole') == 'whole'
    )


@torch.no_grad()
def predict_labels(model: EncoderDecoder, data: dict) -> list[SegDataSample]:
    """``model.test_step(data)`` without ``seg_logits``: the same labels in less memory and time.

    Raises:
        UserError: The logits of an image are not finite.
    """
    data = model.data_preprocessor(data, False)
    scores = model._forward(data['inputs'])
    for logits, sample in zip(scores, data['data_samples'], strict=True):
        require_finite_logits(logits, sample)
        labels = labels_of_logits(
            logits,
            sample.pad_shape,
            sample.img_padding_size,
            sample.ori_shape,
            model.align_corners,
        )
        sample.set_data(dict(pred_sem_seg=PixelData(data=labels[None])))
    return data['data_samples']


def labels_of_logits(
    logits: Tensor,
    padded: Sequence[int],
    padding: Sequence[int],
    size: Sequence[int],
    align_corners: bool,
) -> Tensor:
    """The labels of an image: resize logits to the padded image, cut, resize, take the largest.

    The result is exactly that of resizing the logits of all classes bilinearly, but usually only
    pixels near the borders between classes are computed
    (:func:`mmdeeplab.inference.boundary_argmax.boundary_labels`).

    Args:
        logits: (C, h, w).
        padded: (H, W) of the image with its padding.
        padding: Width of the padding at the left, right, top and bottom, in pixels.
        size: (H, W) of the labels.
        align_corners: Whether the network resizes with aligned corners.

    Returns:
        (H, W) uint8, int64 where there are more than 256 classes.
    """
    logits = logits.contiguous()  # a network in channels last gives them pixel by pixel
    left, right, top, bottom = padding
    rows, columns = (slice(top, padded[0] - bottom), slice(left, padded[1] - right))

    def resized(maps: Tensor) -> Tensor:
        unpadded = resize(maps, padded, align_corners)[:, rows, columns]
        return resize(unpadded, size, align_corners)

    down, across = (
        (Resize(padded_side, cut.start, cut.stop), Resize(final_side, 0, final_side))
        for padded_side, cut, final_side in zip(padded, (rows, columns), size, strict=True)
    )
    if logits.device.type == 'cpu':  # a GPU resizes sooner than the host has found the borders
        labels = boundary_labels(
            logits, down, across, align_corners, lambda ids: resized(logits[ids])
        )
        if labels is not None:
            return labels
    return resized(logits).max(0)[1].to(label_dtype(len(logits)))  # several times as fast as argmax


def resize(maps: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Resize maps bilinearly: (C, h, w) -> (C, *size)."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    return F.interpolate(maps[None], tuple(size), mode='bilinear', align_corners=align_corners)[0]
