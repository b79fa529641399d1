"""Segmentors: how backbone, neck and head are run; mmseg's EncoderDecoder unless named here."""

from mmdeeplab.models.segmentors.msc import MSC

__all__ = ['MSC']
