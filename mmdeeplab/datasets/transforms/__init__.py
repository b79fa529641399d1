"""Loading, scaling, cropping, packing: the steps of a training pipeline."""

from mmdeeplab.datasets.transforms.crop import RandomScaleCrop
from mmdeeplab.datasets.transforms.load import LoadImage, LoadMask
from mmdeeplab.datasets.transforms.pack import PackTraining, PackTwoViews, RandomFlip
from mmdeeplab.datasets.transforms.scale import CentreCrop, RandomScale

__all__ = [
    'CentreCrop',
    'LoadImage',
    'LoadMask',
    'PackTraining',
    'PackTwoViews',
    'RandomFlip',
    'RandomScale',
    'RandomScaleCrop',
]
