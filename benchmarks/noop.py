"""A training that computes nothing: what is left is the Runner."""

import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmdeeplab.config.shipped import config_path

WARM = 20
CONFIG = 'deeplabv3_mobilenetv2_voc'


@DATASETS.register_module()
class Nothing(Dataset):
    """A data set of 64 samples, each a single number."""

    metainfo: dict = dict(classes=('a', 'b'))

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=torch.ones(1))


@MODELS.register_module()
class NoNetwork(BaseModel):
    """A model of a single weight."""

    num_classes = 2

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs: list[Tensor], data_samples: Any = None, mode: str = 'loss') -> Any:
        return dict(loss=(self.weight * torch.stack(list(inputs))).sum())


class Clock(Hook):
    """Processor seconds between the first iterations and the last."""

    priority = 'LOWEST'

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if runner.iter == WARM:
            self.start = time.process_time()
        self.seconds = time.process_time() - getattr(self, 'start', 0.0)


def runner_of(runner_type: type[Runner], folder: Path, iterations: int, ours: bool) -> Runner:
    """Either Runner on the same model, data and optimiser; ours with all its own hooks."""
    shipped = Config.fromfile(config_path(CONFIG))
    hooks = dict(shipped.default_hooks)
    hooks['checkpoint'] = dict(type='CheckpointHook', by_epoch=False, interval=10**9)
    if ours:
        hooks['checkpoint']['type'] = 'mmdeeplab.CheckpointHook'
    hooks['checkpoint']['save_last'] = False
    sampler = 'mmdeeplab.ResumableSampler' if ours else 'InfiniteSampler'
    cfg = Config(
        dict(
            model=dict(type='NoNetwork'),
            work_dir=str(folder),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=WARM + iterations),
            train_dataloader=dict(
                batch_size=1,
                num_workers=0,
                sampler=dict(type=sampler, shuffle=True),
                collate_fn=dict(type='pseudo_collate'),
                dataset=dict(type='Nothing'),
            ),
            optim_wrapper=shipped.optim_wrapper | dict(paramwise_cfg=None),
            param_scheduler=shipped.param_scheduler,
            default_hooks=hooks,
            custom_hooks=[dict(type='mmdeeplab.ProgressHook')] if ours else None,
            log_processor=shipped.get('log_processor', dict(by_epoch=False)),
            randomness=shipped.randomness,
            default_scope='mmseg',
            experiment_name=f'noop-{time.perf_counter_ns()}',
            log_level='ERROR',
        )
    )
    return runner_type.from_cfg(cfg)


def seconds(runner_type: type[Runner], folder: Path, iterations: int, ours: bool) -> float:
    """Processor seconds of ``iterations`` iterations, without what comes before and after."""
    runner = runner_of(runner_type, folder, iterations, ours)
    clock = Clock()
    runner.register_hook(clock)
    runner.train()
    return clock.seconds
