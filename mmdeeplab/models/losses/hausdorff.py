"""The Hausdorff distance loss (arXiv 1904.10030, equation 8; distances inside regions only)."""

from collections.abc import Sequence

import numpy as np
import torch
from mmseg.models.losses.utils import get_class_weight
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn

from mmdeeplab.errors import choose
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.models.losses.labelled import as_two_channels, labelled, zero_loss
from mmdeeplab.registry import MODELS


def squared_depths(regions: Tensor, void: Tensor) -> Tensor:
    """Squared distance of each pixel of a region to the nearest labelled pixel outside it.

    Args:
        regions: (N, H, W) bool, one region per image.
        void: (N, H, W) bool; void pixels count neither as inside nor as outside.

    Returns:
        (N, H, W) float32 in square pixels; 0 outside the region, and everywhere in an image that
        has no labelled pixel outside.
    """
    depths = np.zeros(regions.shape, np.float32)
    for depth, region in zip(depths, (regions | void).cpu().numpy(), strict=True):
        if not region.all():
            depth[:] = distance_transform_edt(region) ** 2
    return torch.from_numpy(depths).to(regions.device) * regions


@MODELS.register_module(name=['HausdorffDistanceLoss', 'HuasdorffDisstanceLoss'])
class HausdorffDistanceLoss(nn.Module):
    """Squared errors, weighted so that errors far from a region's border cost most.

    Called with logits (N, C, H, W) and class ids (N, H, W). For each class but 0 it takes the mean
    over the labelled pixels of (p - t)^2 (d_t^2 + d_p^2), where t is 1 for pixels of the class and
    0 for others, p is the predicted probability of the class, and d_t and d_p are the distances of
    a pixel to the outside of the true and of the predicted region. The sum over the classes is
    divided by their number. Void pixels change neither the value nor any gradient; without a
    labelled pixel the loss is 0. The distances are computed on the CPU.

    Equal to mmseg's ``HuasdorffDisstanceLoss`` for two classes without void. With more classes,
    mmseg's compares probabilities with class ids; with ``class_weight`` it fails.

    Args:
        reduction: 'mean', 'sum' or 'none'; all the same, since the loss is one number.
        class_weight: Weight of each class, or a file of them; that of class 0 is not used.
        loss_weight: Factor of the loss.
        ignore_index: The id of void pixels if the decode head gives none.
        loss_name: Name in the log.

    Raises:
        ValueError: The reduction is unknown.
    """

    def __init__(
        self,
        reduction: str = 'mean',
        class_weight: Sequence[float] | str | None = None,
        loss_weight: float = 1.0,
        ignore_index: int | None = IGNORE_INDEX,
        loss_name: str = 'loss_huasdorff_disstance',
    ) -> None:
        super().__init__()
        choose('reduction', reduction, ('mean', 'sum', 'none'))
        self.class_weight = get_class_weight(class_weight)
        self.loss_weight = loss_weight
        self.ignore_index = ignore_index
        self.loss_name = loss_name

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = None,
    ) -> Tensor:
        keep = labelled(target, ignore_index, self.ignore_index)
        if weight is not None:
            keep &= weight > 0
        if not keep.any():
            return zero_loss(pred)
        probabilities = as_two_channels(pred.float()).softmax(1)
        predicted = probabilities.argmax(1)
        classes = probabilities.shape[1]
        loss = zero_loss(pred)
        for i in range(1, classes):
            truth = keep & (target == i)
            depths = squared_depths(truth, ~keep) + squared_depths(keep & (predicted == i), ~keep)
            errors = (probabilities[:, i] - truth.float()) ** 2 * depths
            factor = 1.0 if self.class_weight is None else float(self.class_weight[i])
            loss = loss + factor * errors[keep].mean()
        return self.loss_weight * loss / classes
