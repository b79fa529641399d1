"""Restrict a loss to the pixels that have a label."""

import torch
from torch import Tensor

from mmdeeplab.errors import UserError


def labelled(target: Tensor, *void: int | None) -> Tensor:
    """A bool mask of ``target``'s shape: True where the label is none of the ids in ``void``."""
    keep = torch.ones_like(target, dtype=torch.bool)
    for label in void:
        if label is not None:
            keep &= target != label
    return keep


def select(pred: Tensor, target: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Select the logits and labels of some pixels.

    Args:
        pred: Logits (N, C, ...).
        target: Class ids (N, ...).
        keep: Bool mask (N, ...) of the pixels to select.

    Returns:
        Logits (V, C) and labels (V,) of the V selected pixels; the logits at least in float32,
        since sums over an image exceed half precision.

    Raises:
        UserError: The logits have one channel, but there are labels other than 0 and 1.
    """
    logits, labels = pred.movedim(1, -1)[keep], target[keep].long()
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    if logits.shape[1] == 1 and labels.numel() and not 0 <= labels.min() <= labels.max() <= 1:
        raise UserError(
            'a decode head with out_channels=1 takes the labels 0 and 1, the masks have '
            f'{int(labels.max())}: leave out_channels out, or set num_classes=2 and mend the masks'
        )
    return logits, labels


def as_two_channels(logits: Tensor) -> Tensor:
    """Turn a single-channel logit z (N, 1, ...) into two, (0, z), whose softmax is z's sigmoid.

    Logits with more channels are returned as they are.
    """
    if logits.shape[1] != 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], 1)


def zero_loss(pred: Tensor) -> Tensor:
    """The loss of a batch without a labelled pixel: 0, with gradients of 0 for ``pred``."""
    return pred.flatten()[:0].sum()
