"""Prepare PASCAL VOC 2012 with SBD's masks ("trainaug") from the two archives for the configs."""

from mmdeeplab.datasets.prepare_voc.prepare import Prepared, prepare
from mmdeeplab.datasets.prepare_voc.sources import SBD, VOC, Source, SplitCounts

__all__ = ['SBD', 'VOC', 'Prepared', 'Source', 'SplitCounts', 'prepare']
