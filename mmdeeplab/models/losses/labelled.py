"""Which pixels a loss may see: those that have a label."""

import torch
from torch import Tensor

from mmdeeplab.errors import UserError


def labelled(target: Tensor, *void: int | None) -> Tensor:
    """Bool mask, shaped as ``target``, of the labels that are none of ``void``."""
    keep = torch.ones_like(target, dtype=torch.bool)
    for label in void:
        if label is not None:
            keep &= target != label
    return keep


def pick(pred: Tensor, target: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (V, C) and labels (V,) of the V kept pixels of (N, C, ...) and (N, ...).

    Logits are float32 at least: sums over an image leave half precision.

    Raises:
        UserError: One channel, and labels other than 0 and 1.
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
    """A single logit z as the two of a softmax, (0, z); others as they are. Channels are dim 1."""
    if logits.shape[1] != 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], 1)


def nothing(pred: Tensor) -> Tensor:
    """The loss of a batch without a label: 0, and gradients of 0."""
    return pred.flatten()[:0].sum()
