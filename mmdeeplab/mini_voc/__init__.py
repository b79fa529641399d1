"""A miniature of PASCAL VOC 2012 drawn by code: 21 classes, seconds to make, minutes to learn."""

from mmdeeplab.mini_voc.folder import MiniVoc, NotEmptyError, generate

__all__ = ['MiniVoc', 'NotEmptyError', 'generate']
