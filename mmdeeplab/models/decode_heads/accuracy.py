"""The losses of a decode head, with the accuracy beside them."""

from typing import Any

import torch
from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor, nn


class LossWithAccuracy:
    """Mix-in for decode heads of mmseg's: the same losses and accuracy, without waiting for a GPU.

    mmseg's host counts the pixels over which cross entropy is averaged; its accuracy looks for the
    largest score by a sort and takes void out by masks, for each of which the host waits.
    """

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list[SegDataSample]) -> dict:
        """Losses by name, and ``acc_seg`` in percent, of logits (N, classes, h, w)."""
        head: Any = self
        label = head._stack_batch_gt(batch_data_samples)
        logits = resize(
            seg_logits, label.shape[2:], mode='bilinear', align_corners=head.align_corners
        )
        weight = None if head.sampler is None else head.sampler.sample(logits, label)
        label = label.squeeze(1)
        one = not isinstance(head.loss_decode, nn.ModuleList)
        losses: dict[str, Tensor] = {}
        for loss in [head.loss_decode] if one else head.loss_decode:
            average = dict(avg_factor=(label != head.ignore_index).sum()) if counts(loss) else {}
            value = loss(logits, label, weight=weight, ignore_index=head.ignore_index, **average)
            name = loss.loss_name
            losses[name] = losses[name] + value if name in losses else value
        losses['acc_seg'] = accuracy(logits, label, head.ignore_index)
        return losses


def counts(loss: nn.Module) -> bool:
    """Whether a loss is mmseg's cross entropy, which divides by the number of labelled pixels."""
    if type(loss) is not CrossEntropyLoss or loss.use_sigmoid or loss.use_mask:
        return False
    mean = loss.reduction == 'mean' and loss.class_weight is None
    return mean and bool(loss.avg_non_ignore)


@torch.no_grad()
def accuracy(logits: Tensor, label: Tensor, ignore_index: int) -> Tensor:
    """Percentage (1,) of the pixels whose largest logit is that of their label.

    Args:
        logits: (N, classes, H, W).
        label: (N, H, W) class ids.
        ignore_index: Void, which is left out; 100 where there is nothing else.
    """
    tiny = torch.finfo(torch.float32).eps
    valid = (label != ignore_index).sum()
    right = (logits.max(1)[1] == label) & (label != ignore_index)
    return (right.sum() + tiny).mul(100 / (valid + tiny)).view(1)
