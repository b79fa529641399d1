"""What runs a model: the runner, its hooks, mixed precision, checkpoints."""

from mmdeeplab.engine.hooks.accelerate import FastHook
from mmdeeplab.engine.hooks.checkpoint_hook import CheckpointHook
from mmdeeplab.engine.hooks.data_check import DataCheckHook
from mmdeeplab.engine.hooks.data_time import DataTimeHook
from mmdeeplab.engine.hooks.degenerate_rates import DegenerateRateHook
from mmdeeplab.engine.hooks.early_stopping import EarlyStopping
from mmdeeplab.engine.hooks.heartbeat import HeartbeatHook
from mmdeeplab.engine.hooks.masks import MaskHook
from mmdeeplab.engine.hooks.pictures import PictureHook
from mmdeeplab.engine.hooks.preflight import PreflightHook
from mmdeeplab.engine.hooks.progress import ProgressHook
from mmdeeplab.engine.hooks.recipe import RecipeHook
from mmdeeplab.engine.log_files import LocalVisBackend
from mmdeeplab.engine.loops import EpochBasedTrainLoop
from mmdeeplab.engine.optim.amp import AutocastOptimWrapper
from mmdeeplab.engine.runner import DeepLabRunner

__all__ = [
    'AutocastOptimWrapper',
    'CheckpointHook',
    'DataCheckHook',
    'DataTimeHook',
    'DeepLabRunner',
    'DegenerateRateHook',
    'EarlyStopping',
    'EpochBasedTrainLoop',
    'FastHook',
    'HeartbeatHook',
    'LocalVisBackend',
    'MaskHook',
    'PictureHook',
    'PreflightHook',
    'ProgressHook',
    'RecipeHook',
]
