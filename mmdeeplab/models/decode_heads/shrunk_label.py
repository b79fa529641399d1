"""The loss of DeepLab v1 and v2: scores at their own stride against a shrunk label."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.fcn_head import FCNHead
from mmseg.structures import SegDataSample
from torch import Tensor

from mmdeeplab.models.decode_heads.accuracy import LossWithAccuracy
from mmdeeplab.models.upload import upload
from mmdeeplab.registry import MODELS


def shrink_label(label: Tensor, size: Sequence[int]) -> Tensor:
    """Pick (h, w) = ``size`` labels from (..., H, W) on the grid whose corners coincide.

    From 321 to 41 these are pixels 0, 8, 16, ..., as Caffe's Interp layer does with
    ``shrink_factor: 8``; between pixels the nearest one is taken, for labels cannot be mixed.
    """
    rows, columns = (
        grid(old, new, label.device) for old, new in zip(label.shape[-2:], size, strict=True)
    )
    return label[..., rows[:, None], columns]


@lru_cache(64)
def grid(old: int, new: int, device: torch.device) -> Tensor:
    """(new,) pixels of ``old``, evenly apart from the first to the last; kept on the device."""
    places = torch.linspace(0, old - 1, new, dtype=torch.float64).round().long()
    return upload(places, device)


class ShrunkLabelLoss(LossWithAccuracy):
    """Mix-in for decode heads: compare the logits where they are, without upsampling them."""

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list[SegDataSample]) -> dict:
        """Losses of logits (N, classes, h, w) for samples with labels (1, H, W)."""
        shrunk = [
            SegDataSample(
                gt_sem_seg=PixelData(data=shrink_label(s.gt_sem_seg.data, seg_logits.shape[2:]))
            )
            for s in batch_data_samples
        ]
        return super().loss_by_feat(seg_logits, shrunk)


@MODELS.register_module()
class ShrunkLabelFCNHead(ShrunkLabelLoss, FCNHead):
    """mmseg's FCNHead with the loss at the logits' stride.

    ``num_convs=0, concat_input=False`` make it fc8, the 1x1 classifier of DeepLab v1 and v2.
    """
