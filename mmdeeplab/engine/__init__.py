"""What runs a model: the runner, its hooks, mixed precision, checkpoints."""

from mmdeeplab.engine.amp import AutocastOptimWrapper
from mmdeeplab.engine.checkpoint_hook import CheckpointHook
from mmdeeplab.engine.data_check import DataCheckHook
from mmdeeplab.engine.data_share import DataShareHook
from mmdeeplab.engine.early_stopping import EarlyStopping
from mmdeeplab.engine.fast_hook import FastHook
from mmdeeplab.engine.log_files import LocalVisBackend
from mmdeeplab.engine.loops import EpochBasedTrainLoop
from mmdeeplab.engine.masks import MaskHook
from mmdeeplab.engine.pictures import PictureHook
from mmdeeplab.engine.preflight import PreflightHook
from mmdeeplab.engine.progress import ProgressHook
from mmdeeplab.engine.pulse import PulseHook
from mmdeeplab.engine.rate_check import RateCheckHook
from mmdeeplab.engine.recipe import RecipeHook
from mmdeeplab.engine.runner import DeepLabRunner

__all__ = [
    'AutocastOptimWrapper',
    'CheckpointHook',
    'DataCheckHook',
    'DataShareHook',
    'DeepLabRunner',
    'EarlyStopping',
    'EpochBasedTrainLoop',
    'FastHook',
    'LocalVisBackend',
    'MaskHook',
    'PictureHook',
    'PreflightHook',
    'ProgressHook',
    'PulseHook',
    'RateCheckHook',
    'RecipeHook',
]
