"""Loading, scaling, cropping, colours, packing: the steps of a training pipeline."""

from mmdeeplab.datasets.transforms.crop import RandomResizeCrop, RandomScaleCrop
from mmdeeplab.datasets.transforms.load import LoadImage, LoadMask
from mmdeeplab.datasets.transforms.pack import PackTraining, RandomFlip
from mmdeeplab.datasets.transforms.photometric import PhotometricDistortion
from mmdeeplab.datasets.transforms.scale import CentreCrop, RandomScale

__all__ = [
    'CentreCrop',
    'LoadImage',
    'LoadMask',
    'PackTraining',
    'PhotometricDistortion',
    'RandomFlip',
    'RandomResizeCrop',
    'RandomScale',
    'RandomScaleCrop',
]
