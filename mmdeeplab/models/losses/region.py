"""Losses of regions, and of chosen pixels: mmseg's formulas on the labelled pixels alone."""

from collections.abc import Sequence

import torch
from mmseg.models import losses as upstream
from mmseg.models.losses.utils import get_class_weight
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.models.losses.labelled import as_two_channels, labelled, nothing, pick
from mmdeeplab.registry import MODELS


class LabelledPixels(nn.Module):
    """Mix-in before a loss of mmseg that needs no neighbourhoods: it never sees void.

    Called with logits (N, C, ...) and class ids (N, ...). Pixels whose id is ``ignore_index`` (the
    decode head's, or the loss's own), or whose ``weight`` is 0 (pixel samplers), are taken out
    before the formula: they change neither the value nor any gradient. Images without a labelled
    pixel do not count; without any the loss is 0. One channel is class 1 against class 0.
    """

    per_image = True
    """Whether the formula is taken image by image, or once over the batch."""
    own_void = 'ignore_index'
    """The attribute in which mmseg's class keeps a void of its own."""

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Reduced over the images; 'none' gives one value an image."""
        keep = labelled(target, ignore_index, getattr(self, self.own_void, 255))
        if weight is not None:
            keep &= weight > 0
        size = 1 if self.per_image else len(target)
        values = []
        for parts in zip(pred.split(size), target.split(size), keep.split(size), strict=True):
            logits, labels = pick(*parts)
            if len(labels):
                value = self.of_pixels(
                    logits.T[None, ..., None].contiguous(), labels[None, :, None]
                )
                values.append(value.reshape(()))
        if not values:
            return nothing(pred)
        reduction = reduction_override or getattr(self, 'reduction', 'mean')
        if reduction == 'none' and self.per_image:
            return torch.stack(values)
        return torch.stack(values).sum() if reduction == 'sum' else torch.stack(values).mean()

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """mmseg's loss of logits (1, C, V, 1) and class ids (1, V, 1)."""
        return super().forward(as_two_channels(logits), labels)


@MODELS.register_module()
class DiceLoss(LabelledPixels, upstream.DiceLoss):
    """mmseg's Dice loss, one number an image over all its classes, without void.

    Shapes as :class:`LabelledPixels`. mmseg's class of this name counts void as background of every
    class, and takes class 0 for the foreground where there is one channel.

    Args:
        kwargs: :class:`mmseg.models.losses.DiceLoss`; ``use_sigmoid`` is True there.
    """

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.use_sigmoid and logits.shape[1] == 1:
            return upstream.DiceLoss.forward(self, logits, labels[:, None])
        return super().of_pixels(logits, labels)


@MODELS.register_module()
class TverskyLoss(LabelledPixels, upstream.TverskyLoss):
    """mmseg's Tversky loss, which weighs misses against false alarms, without the head's void.

    Shapes as :class:`LabelledPixels`. mmseg's class of this name does not read the ``ignore_index``
    of the decode head, and does not train where there is one channel.

    Args:
        kwargs: :class:`mmseg.models.losses.TverskyLoss`.
    """


@MODELS.register_module()
class LovaszLoss(LabelledPixels, upstream.LovaszLoss):
    """mmseg's Lovasz loss (arXiv 1705.08790), a surrogate of the IoU, without void.

    Shapes as :class:`LabelledPixels`. mmseg's class of this name stops at its own default of
    ``reduction``, and gives NaN for a batch without a label.

    Args:
        loss_type: 'multi_class', or 'binary': the hinge form, for one channel.
        per_image: Take the formula image by image, not over the batch.
        reduction: 'mean', 'sum' or 'none' of the images; over a batch there is one number.
        class_weight: Weight of each class of 'multi_class'.
        kwargs: :class:`mmseg.models.losses.LovaszLoss`.

    Raises:
        ValueError: ``class_weight`` for the binary form, which has none.
    """

    def __init__(
        self,
        loss_type: str = 'multi_class',
        per_image: bool = False,
        reduction: str = 'mean',
        class_weight: Sequence[float] | str | None = None,
        **kwargs: object,
    ) -> None:
        if loss_type == 'binary' and class_weight is not None:
            raise ValueError("LovaszLoss(loss_type='binary') takes no class_weight")
        super().__init__(
            loss_type=loss_type,
            per_image=per_image,
            reduction=reduction if per_image else 'none',
            class_weight=class_weight,
            **kwargs,
        )
        self.binary = loss_type == 'binary'

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.binary and logits.shape[1] != 1:
            raise UserError(
                f"LovaszLoss(loss_type='binary') takes one channel, got {logits.shape[1]}: set "
                "out_channels=1 and threshold=0.5 in the decode head, or loss_type='multi_class'"
            )
        scores = logits if self.binary else as_two_channels(logits)
        return upstream.LovaszLoss.forward(self, scores, labels, ignore_index=None)


@MODELS.register_module()
class OhemCrossEntropy(LabelledPixels, upstream.OhemCrossEntropy):
    """Cross entropy of the hard pixels: online hard example mining.

    Shapes as :class:`LabelledPixels`. Hard are the pixels whose class has a probability below
    ``thres``, and at least the ``min_kept`` hardest of the batch. mmseg's class of this name does
    not take what decode heads hand to a loss.

    Args:
        class_weight: Weight of each class, or a file of them.
        kwargs: :class:`mmseg.models.losses.OhemCrossEntropy`.
    """

    per_image = False
    own_void = 'ignore_label'
    thresh: float
    min_kept: int
    loss_weight: float

    def __init__(self, class_weight: Sequence[float] | str | None = None, **kwargs: object) -> None:
        super().__init__(class_weight=get_class_weight(class_weight), **kwargs)

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = as_two_channels(logits)
        weights = None if self.class_weight is None else logits.new_tensor(self.class_weight)
        losses = F.cross_entropy(logits, labels, weights, reduction='none').flatten()
        with torch.no_grad():
            probability = logits.softmax(1).gather(1, labels[:, None]).flatten()
            hard = probability < self.thresh
            if hard.sum() < self.min_kept:
                count = min(self.min_kept, len(probability))
                hard = probability.topk(count, largest=False).indices
        return self.loss_weight * losses[hard].mean()
