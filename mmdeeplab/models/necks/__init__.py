"""Necks: a tuple of maps in, as many out, only the last one changed."""

from mmdeeplab.models.necks.aspp import ASPPNeck
from mmdeeplab.models.necks.dense_prediction_cell import DensePredictionCellNeck
from mmdeeplab.models.necks.large_fov import LargeFOVNeck
from mmdeeplab.models.necks.spp import SpatialPyramidPool, SPPNeck

__all__ = [
    'ASPPNeck',
    'DensePredictionCellNeck',
    'LargeFOVNeck',
    'SPPNeck',
    'SpatialPyramidPool',
]
