"""Make Cityscapes, ADE20K, COCO-Stuff or PASCAL Context ready, from archives you have."""

from mmdeeplab.cli.prepare_data.command import NAMES, _parser, main

__all__ = ['NAMES', '_parser', 'main']
