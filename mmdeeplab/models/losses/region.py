"""mmseg's losses of regions and of hard pixels, computed from the labelled pixels alone."""

from collections.abc import Sequence

import torch
from mmseg.models import losses as upstream
from mmseg.models.losses.utils import get_class_weight
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.models.losses.labelled import as_two_channels, labelled, select, zero_loss
from mmdeeplab.registry import MODELS


class LabelledPixels(nn.Module):
    """Mix-in for losses of mmseg that hides void pixels from them.

    Called with logits (N, C, ...) and class ids (N, ...). Pixels whose id is ``ignore_index`` (the
    decode head's, or the loss's own), or whose ``weight`` is 0 (from a pixel sampler), are removed
    before mmseg's formula is applied, so they change neither the value nor any gradient. That is
    possible because these formulas do not use the neighbours of a pixel. Images without a labelled
    pixel do not count; if no image has one, the loss is 0. With one channel, class 1 is the
    foreground.
    """

    per_image = True
    """Whether the formula is applied to each image, or once to all pixels of the batch."""
    own_void = 'ignore_index'
    """The attribute in which mmseg's class keeps its own id of void."""

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """The loss, reduced over the images; 'none' gives one value per image."""
        keep = labelled(target, ignore_index, getattr(self, self.own_void, IGNORE_INDEX))
        if weight is not None:
            keep &= weight > 0
        size = 1 if self.per_image else len(target)
        values = []
        for parts in zip(pred.split(size), target.split(size), keep.split(size), strict=True):
            logits, labels = select(*parts)
            if len(labels):
                value = self.of_pixels(
                    logits.T[None, ..., None].contiguous(), labels[None, :, None]
                )
                values.append(value.reshape(()))
        if not values:
            return zero_loss(pred)
        reduction = reduction_override or getattr(self, 'reduction', 'mean')
        if reduction == 'none' and self.per_image:
            return torch.stack(values)
        return torch.stack(values).sum() if reduction == 'sum' else torch.stack(values).mean()

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """mmseg's loss of V labelled pixels: logits (1, C, V, 1) and class ids (1, V, 1)."""
        return super().forward(as_two_channels(logits), labels)


@MODELS.register_module()
class DiceLoss(LabelledPixels, upstream.DiceLoss):
    """mmseg's Dice loss without void: one number per image, over all its classes.

    Shapes as in :class:`LabelledPixels`. mmseg's class of this name counts void as background of
    every class, and with one channel it takes class 0 as the foreground.

    Args:
        kwargs: :class:`mmseg.models.losses.DiceLoss`; ``use_sigmoid`` is True there.
    """

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.use_sigmoid and logits.shape[1] == 1:
            return upstream.DiceLoss.forward(self, logits, labels[:, None])
        return super().of_pixels(logits, labels)


@MODELS.register_module()
class TverskyLoss(LabelledPixels, upstream.TverskyLoss):
    """mmseg's Tversky loss without void; it weighs false negatives against false positives.

    Shapes as in :class:`LabelledPixels`. mmseg's class of this name does not read the decode head's
    ``ignore_index``, and does not train a head with one channel.

    Args:
        kwargs: :class:`mmseg.models.losses.TverskyLoss`.
    """


@MODELS.register_module()
class LovaszLoss(LabelledPixels, upstream.LovaszLoss):
    """mmseg's Lovasz loss (arXiv 1705.08790), a surrogate of the IoU, without void.

    Shapes as in :class:`LabelledPixels`. mmseg's class of this name fails with its own default of
    ``reduction``, and gives NaN for a batch without a labelled pixel.

    Args:
        loss_type: 'multi_class', or 'binary', the hinge form for heads with one channel.
        per_image: Apply the formula to each image, not to all pixels of the batch.
        reduction: 'mean', 'sum' or 'none' over the images; without effect unless ``per_image``.
        class_weight: Weight of each class of 'multi_class'.
        kwargs: :class:`mmseg.models.losses.LovaszLoss`.

    Raises:
        ValueError: ``class_weight`` is given for the binary form, which takes none.
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
    """Cross entropy of the hard pixels only: online hard example mining.

    Shapes as in :class:`LabelledPixels`. A pixel is hard if the predicted probability of its class
    is below ``thres``; the ``min_kept`` hardest pixels of the batch count in any case. mmseg's
    class of this name cannot be called with what decode heads pass to a loss.

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
