"""Losses between logits and class ids, on which void pixels have no influence."""

from mmdeeplab.models.losses.hausdorff import HausdorffDistanceLoss
from mmdeeplab.models.losses.pixel import CrossEntropyLoss, FocalLoss
from mmdeeplab.models.losses.region import DiceLoss, LovaszLoss, OhemCrossEntropy, TverskyLoss
from mmdeeplab.models.losses.replace import replace_losses

__all__ = [
    'CrossEntropyLoss',
    'DiceLoss',
    'FocalLoss',
    'HausdorffDistanceLoss',
    'LovaszLoss',
    'OhemCrossEntropy',
    'TverskyLoss',
    'replace_losses',
]
