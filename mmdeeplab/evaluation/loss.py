"""The loss of an evaluation."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.label_counts import IGNORE_INDEX

CHUNK = 2**24  # logits at once


def cross_entropy_sum(logits: Tensor, label: Tensor, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Sum of the cross entropy over an image's labelled pixels: () float64, on the device.

    Args:
        logits: (C, H, W).
        label: (H, W) class ids.
        ignore_index: The id of void pixels, which are left out.
    """
    classes, _, width = logits.shape
    rows = max(CHUNK // (classes * width), 1)
    parts = zip(logits.split(rows, 1), label.to(logits.device).split(rows), strict=True)
    total = logits.new_zeros((), dtype=torch.float64)
    for part, truth in parts:
        losses = F.cross_entropy(
            part[None].float(), truth[None].long(), ignore_index=ignore_index, reduction='none'
        )
        total = total + losses.double().sum()
    return total
