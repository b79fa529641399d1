"""Losses and pixel accuracy of a decode head, computed without waiting for a GPU."""

from typing import Any

import torch
from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor, nn


class LossWithAccuracy:
    """Mix-in for mmseg's decode heads: the same losses and accuracy, without waiting for a GPU.

    mmseg reads from the GPU how many pixels cross entropy is averaged over; its accuracy sorts the
    scores and removes void pixels by boolean masks. The host waits for each of these.
    """

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list[SegDataSample]) -> dict:
        """Compare logits (N, classes, h, w) with the labels of the samples, resized to their size.

        Returns:
            The losses by name, and ``acc_seg``, the pixel accuracy in percent.
        """
        head: Any = self
        label = head._stack_batch_gt(batch_data_samples)
        logits = resize(
            seg_logits, label.shape[2:], mode='bilinear', align_corners=head.align_corners
        )
        weight = None if head.sampler is None else head.sampler.sample(logits, label)
        label = label.squeeze(1)
        is_single = not isinstance(head.loss_decode, nn.ModuleList)
        losses: dict[str, Tensor] = {}
        for loss in [head.loss_decode] if is_single else head.loss_decode:
            average = dict(avg_factor=(label != head.ignore_index).sum()) if counts(loss) else {}
            value = loss(logits, label, weight=weight, ignore_index=head.ignore_index, **average)
            name = loss.loss_name
            losses[name] = losses[name] + value if name in losses else value
        scores = beside_threshold(logits, head.threshold) if head.out_channels == 1 else logits
        losses['acc_seg'] = accuracy(scores, label, head.ignore_index)
        return losses


def counts(loss: nn.Module) -> bool:
    """Whether a loss is mmseg's cross entropy, averaged over the labelled pixels."""
    if type(loss) is not CrossEntropyLoss or loss.use_sigmoid or loss.use_mask:
        return False
    mean = loss.reduction == 'mean' and loss.class_weight is None
    return mean and bool(loss.avg_non_ignore)


@torch.no_grad()
def beside_threshold(logits: Tensor, threshold: float) -> Tensor:
    """The threshold, and class 1's probability from a single channel's logits: (N, 2, H, W)."""
    probability = logits.sigmoid()
    return torch.cat([torch.full_like(probability, threshold), probability], 1)


@torch.no_grad()
def accuracy(logits: Tensor, label: Tensor, ignore_index: int) -> Tensor:
    """Percentage of the labelled pixels whose largest logit is that of their label.

    Args:
        logits: (N, classes, H, W).
        label: (N, H, W) class ids.
        ignore_index: The id of void pixels, which do not count.

    Returns:
        (1,); 100 if all pixels are void.
    """
    tiny = torch.finfo(torch.float32).eps
    valid = (label != ignore_index).sum()
    right = (logits.max(1)[1] == label) & (label != ignore_index)
    return (right.sum() + tiny).mul(100 / (valid + tiny)).view(1)
