"""Segmentors: how backbone, neck and head are run."""

from mmdeeplab.models.segmentors.encoder_decoder import EncoderDecoder
from mmdeeplab.models.segmentors.msc import MSC

__all__ = ['MSC', 'EncoderDecoder']
