"""Decode heads: a tuple of maps in, logits out."""

from mmdeeplab.models.decode_heads.asppv2_head import ASPPV2Head
from mmdeeplab.models.decode_heads.deeplabv3plus_head import DeepLabV3PlusHead

__all__ = ['ASPPV2Head', 'DeepLabV3PlusHead']
