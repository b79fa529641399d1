"""The loss of DeepLab v1 and v2: the label is shrunk to the scores, not the scores enlarged."""

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
    """Subsample labels (..., H, W) to ``size`` (h, w), keeping the corner pixels at the corners.

    From 321 to 41 pixels this takes pixels 0, 8, 16, ..., as Caffe's Interp layer does with
    ``shrink_factor: 8``. Where the grid falls between pixels, the nearest label is taken.
    """
    rows, columns = (
        grid(old, new, label.device) for old, new in zip(label.shape[-2:], size, strict=True)
    )
    return label[..., rows[:, None], columns]


@lru_cache(64)
def grid(old: int, new: int, device: torch.device) -> Tensor:
    """Indices (new,) of pixels spread evenly over a side of ``old``, both ends included."""
    places = torch.linspace(0, old - 1, new, dtype=torch.float64).round().long()
    return upload(places, device)


class ShrunkLabelLoss(LossWithAccuracy):
    """Mix-in for decode heads: compute the loss at the size of the logits, with shrunk labels."""

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list[SegDataSample]) -> dict:
        """Losses by name of logits (N, classes, h, w) for samples with labels (1, H, W)."""
        shrunk = [
            SegDataSample(
                gt_sem_seg=PixelData(data=shrink_label(s.gt_sem_seg.data, seg_logits.shape[2:]))
            )
            for s in batch_data_samples
        ]
        return super().loss_by_feat(seg_logits, shrunk)


@MODELS.register_module()
class ShrunkLabelFCNHead(ShrunkLabelLoss, FCNHead):
    """mmseg's FCNHead, whose loss is computed at the stride of its logits.

    With ``num_convs=0, concat_input=False`` it is fc8, the 1x1 classifier of DeepLab v1 and v2.
    """
