"""Losses that are a mean over pixels: cross entropy and focal loss."""

from collections.abc import Sequence

import torch
from mmseg.models.losses.focal_loss import py_sigmoid_focal_loss
from mmseg.models.losses.utils import get_class_weight
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import choose
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.models.losses.labelled import as_two_channels, labelled, select, zero_loss
from mmdeeplab.registry import MODELS

REDUCTIONS = ('mean', 'sum', 'none')


class PixelLoss(nn.Module):
    """Base of losses that are computed for each labelled pixel and then averaged or summed.

    Called with logits (N, C, ...) and class ids (N, ...). Pixels whose id is ``ignore_index``
    change neither the value nor any gradient; without a labelled pixel the loss is 0. ``weight``
    (N, ...), which mmseg's pixel samplers give, multiplies the losses of the pixels.

    Args:
        reduction: 'mean', 'sum', or 'none'. The last gives the losses of the labelled pixels in one
            row, of which training takes the mean.
        loss_weight: Factor of the loss.
        loss_name: Name in the log; MMEngine trains on it only if it contains "loss".
    """

    def __init__(self, reduction: str, loss_weight: float, loss_name: str) -> None:
        super().__init__()
        choose('reduction', reduction, REDUCTIONS)
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = IGNORE_INDEX,
        reduction_override: str | None = None,
    ) -> Tensor:
        """The reduced loss; with ``reduction_override='none'`` a map (N, ...) that is 0 at void."""
        keep = labelled(target, ignore_index)
        logits, labels = select(pred, target, keep)
        losses = self.loss_weight * self.of_pixels(logits, labels)  # (V,) or (V, C)
        if weight is not None:
            losses = losses * weight[keep].view(-1, *[1] * (losses.ndim - 1))
        if reduction_override == 'none':
            by_pixel = losses if losses.ndim == 1 else losses.sum(1)
            return by_pixel.new_zeros(target.shape).masked_scatter(keep, by_pixel)
        if not len(losses):
            return zero_loss(pred)
        reduction = reduction_override or self.reduction
        if reduction == 'none':
            return losses
        return (
            losses.sum() if reduction == 'sum' else losses.sum() / self.count(losses, keep, labels)
        )

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Losses (V,) or (V, C) of V labelled pixels, from logits (V, C) and class ids (V,)."""
        raise NotImplementedError

    def count(self, losses: Tensor, keep: Tensor, labels: Tensor) -> Tensor | float:
        """The number by which the sum of ``losses`` is divided under 'mean'."""
        return losses.numel()


def one_hot(labels: Tensor, channels: int) -> Tensor:
    """Class ids (V,) as (V, C) of 0 and 1; with one channel, 1 stands for class 1."""
    return labels[:, None] if channels == 1 else F.one_hot(labels, channels)


@MODELS.register_module()
class CrossEntropyLoss(PixelLoss):
    """Cross entropy, averaged over the pixels that have a label.

    Shapes as in :class:`PixelLoss`. mmseg's class of this name averages over void pixels as well
    unless told otherwise, and fails with ``class_weight`` together with ``avg_non_ignore`` or
    ``use_sigmoid``.

    Args:
        use_sigmoid: Take a binary cross entropy for each channel instead of the softmax.
        use_mask: Must be False: mmseg's form for masks of single objects has no class ids.
        reduction: 'mean', 'sum' or 'none'.
        class_weight: Weight of each class, or a file of them. With the softmax, the mean is the
            weighted one (divided by the sum of the pixels' weights). With ``use_sigmoid`` the
            weights multiply the positive pixels of each channel.
        loss_weight: Factor of the loss.
        loss_name: Name in the log.
        avg_non_ignore: False divides by the number of all pixels, void included, as mmseg does by
            default: the more void, the smaller the loss. Without effect if ``class_weight`` is
            given and ``use_sigmoid`` is not.

    Raises:
        ValueError: The reduction is unknown, or ``use_mask`` is True.
    """

    def __init__(
        self,
        use_sigmoid: bool = False,
        use_mask: bool = False,
        reduction: str = 'mean',
        class_weight: Sequence[float] | str | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_ce',
        avg_non_ignore: bool = True,
    ) -> None:
        super().__init__(reduction, loss_weight, loss_name)
        if use_mask:
            raise ValueError(
                'CrossEntropyLoss(use_mask=True) is for masks of objects, not class ids'
            )
        self.use_sigmoid = use_sigmoid
        self.class_weight = get_class_weight(class_weight)
        self.avg_non_ignore = avg_non_ignore

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = None if self.class_weight is None else logits.new_tensor(self.class_weight)
        if self.use_sigmoid:
            targets = one_hot(labels, logits.shape[1]).to(logits)
            if weights is not None and logits.shape[1] == 1 and len(weights) == 2:
                weights = weights[1:] / weights[0]
            return F.binary_cross_entropy_with_logits(
                logits, targets, pos_weight=weights, reduction='none'
            )
        return F.cross_entropy(as_two_channels(logits), labels, weights, reduction='none')

    def count(self, losses: Tensor, keep: Tensor, labels: Tensor) -> Tensor | float:
        if self.class_weight is not None and not self.use_sigmoid:
            total = losses.new_tensor(self.class_weight)[labels].sum()
            return total.clamp(min=torch.finfo(total.dtype).tiny)  # 0 if no label has a weight
        share = 1.0 if self.avg_non_ignore else float(keep.float().mean())
        return losses.numel() / share


@MODELS.register_module()
class FocalLoss(PixelLoss):
    """Focal loss (arXiv 1708.02002) of a sigmoid for each channel; labels are class ids.

    Shapes as in :class:`PixelLoss`; the mean is over labelled pixels and channels. mmseg's class of
    this name fails for class ids on a CPU, and needs a compiled operator on a GPU.

    Args:
        use_sigmoid: Must be True: there is no other form.
        gamma: Focusing parameter: the larger, the less do well classified pixels count.
        alpha: Weight of the positive pixels against the negative ones, between 0 and 1; one number,
            or one for each class.
        reduction: 'mean', 'sum' or 'none'.
        class_weight: Weight of each class's channel.
        loss_weight: Factor of the loss.
        loss_name: Name in the log.

    Raises:
        ValueError: The reduction is unknown, or ``use_sigmoid`` is False.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float | Sequence[float] = 0.5,
        reduction: str = 'mean',
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_focal',
    ) -> None:
        super().__init__(reduction, loss_weight, loss_name)
        if not use_sigmoid:
            raise ValueError('FocalLoss has a sigmoid form only: leave use_sigmoid out')
        self.gamma = gamma
        self.alpha = alpha if isinstance(alpha, (int, float)) else list(alpha)
        self.class_weight = class_weight

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights, alpha = self.class_weight, self.alpha
        if logits.shape[1] == 1:  # its channel is that of class 1
            weights = weights[1:] if weights is not None and len(weights) == 2 else weights
            alpha = alpha[1:] if isinstance(alpha, list) and len(alpha) == 2 else alpha
        return py_sigmoid_focal_loss(
            logits,
            one_hot(labels, logits.shape[1]),
            gamma=self.gamma,
            alpha=alpha,
            class_weight=weights,
            reduction='none',
        )
