"""Datasets in PASCAL VOC's layout and the transforms of the papers' pipelines."""

import contextlib
import io
import warnings

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    # mmcv without compiled ops and mmseg without OneDL announce both on import; we need neither.
    warnings.simplefilter('ignore')
    import mmseg.datasets  # noqa: F401

from mmdeeplab.datasets.samplers import ResumableSampler
from mmdeeplab.datasets.transforms.crop import RandomResizeCrop, RandomScaleCrop
from mmdeeplab.datasets.transforms.load import LoadImage, LoadMask
from mmdeeplab.datasets.transforms.pack import PackTraining, RandomFlip
from mmdeeplab.datasets.transforms.photometric import PhotometricDistortion
from mmdeeplab.datasets.transforms.scale import CentreCrop, RandomScale
from mmdeeplab.datasets.voc_folder import VOCFolderDataset

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
    'ResumableSampler',
    'VOCFolderDataset',
]
