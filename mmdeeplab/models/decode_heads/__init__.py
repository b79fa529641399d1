"""Decode heads: a tuple of maps in, logits out."""

from mmdeeplab.models.decode_heads.deeplabv3plus_head import DeepLabV3PlusHead

__all__ = ['DeepLabV3PlusHead']
