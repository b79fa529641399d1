"""Datasets in PASCAL VOC's layout and the transforms of the papers' pipelines."""

import contextlib
import io
import warnings

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    # mmcv without compiled ops and mmseg without OneDL announce both on import; we need neither.
    warnings.simplefilter('ignore')
    import mmseg.datasets  # noqa: F401

from mmdeeplab.datasets.cropping import RandomResizeCrop, RandomScaleCrop
from mmdeeplab.datasets.exact import ExactSampler
from mmdeeplab.datasets.loading import LoadImage, LoadMask
from mmdeeplab.datasets.packing import PackTraining, RandomFlip
from mmdeeplab.datasets.photometric import PhotometricDistortion
from mmdeeplab.datasets.transforms import CentreCrop, RandomScale
from mmdeeplab.datasets.voc_folder import VOCFolderDataset

__all__ = [
    'CentreCrop',
    'ExactSampler',
    'LoadImage',
    'LoadMask',
    'PackTraining',
    'PhotometricDistortion',
    'RandomFlip',
    'RandomResizeCrop',
    'RandomScale',
    'RandomScaleCrop',
    'VOCFolderDataset',
]
