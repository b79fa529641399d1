"""Runs of a small network on drawn images, of which some have no masks."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from networks import random_checkpoint
from places import ROOT
from robustness.tiny import QuietRunner, Trace

from mmdeeplab.cli import test as test_command
from mmdeeplab.cli import train as train_command
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

CLASSES = 21
LISTS = dict(labelled=2, unlabelled=3)
LOAD, MASK, CROP, FLIP, PACK, VIEWS = (
    dict(type='mmdeeplab.LoadImage'),
    dict(type='mmdeeplab.LoadMask'),
    dict(type='mmdeeplab.RandomScaleCrop', crop_size=(33, 33), minimum=0.5, maximum=1.5),
    dict(type='mmdeeplab.RandomFlip', prob=0.5),
    dict(type='mmdeeplab.PackTraining'),
    dict(type='mmdeeplab.PackTwoViews'),
)
PIPELINES = dict(labelled=[LOAD, MASK, CROP, FLIP, PACK], unlabelled=[LOAD, CROP, FLIP, VIEWS])


def draw(folder: Path) -> Path:
    """A data root: two images with masks and three that have none; ``random.pth`` for them."""
    generate(folder, MiniVoc(train=5, val=1, size=48), quiet=True)
    lists = folder / 'ImageSets/Segmentation'
    ids = (lists / 'train.txt').read_text().split()
    (lists / 'labelled.txt').write_text('\n'.join(ids[:2]) + '\n')
    (lists / 'unlabelled.txt').write_text('\n'.join(ids[2:]) + '\n')
    for name in ids[2:]:
        (folder / f'SegmentationClass/{name}.png').unlink()
    random_checkpoint(Config(dict(model=network())), folder)
    return folder


def network(**options: Any) -> dict:
    """MobileNetV2 of half the width under a 1x1 classifier."""
    return dict(
        type='mmdeeplab.EncoderDecoder',
        data_preprocessor=dict(type='mmdeeplab.DeepLabPreprocessor', size=(33, 33)),
        backbone=dict(type='mmdeeplab.MobileNetV2', depth_multiplier=0.5),
        decode_head=dict(
            type='FCNHead', channels=160, num_convs=0, concat_input=False, num_classes=CLASSES,
            dropout_ratio=0.1, in_index=-1,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        ),
        test_cfg=dict(mode='whole'),
    ) | options  # fmt: skip


def data(root: Path, name: str, **options: Any) -> dict:
    return dict(
        type='mmdeeplab.VOCFolderDataset', data_root=str(root), split=name,
        mask_dir='SegmentationClass' if name == 'labelled' else None, pipeline=PIPELINES[name],
    ) | options  # fmt: skip


class Seen(Trace):
    """Trace what a step trained on, as tensors: samples print the address of their memory."""

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        assert data_batch is not None
        labels = [sample.gt_sem_seg.data for sample in data_batch['data_samples']]
        super().after_train_iter(
            runner, batch_idx, dict(inputs=data_batch['inputs'], labels=labels)
        )


class Look(Hook):
    """Keep what each step began with."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.batches: list[dict] = []
        self.weights: list[dict] = []

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        assert data_batch is not None
        self.batches.append(data_batch)
        self.weights.append({k: v.clone() for k, v in runner.model.state_dict().items()})


def runner_of(
    root: Path,
    folder: Path,
    hooks: Sequence[dict],
    iters: int = 4,
    workers: int = 0,
    watch: Sequence[Hook] = (),
    shares: Sequence[float] = (1, 1),
    **options: Any,
) -> Runner:
    """A run of both lists, a labelled and an unlabelled image in turn."""
    torch.manual_seed(1)
    sets = [data(root, name) for name in LISTS]
    cfg: dict[str, Any] = dict(
        model=network(),
        work_dir=str(folder),
        train_dataloader=dict(
            batch_size=4,
            num_workers=workers,
            sampler=dict(type='mmdeeplab.ResumableSampler', shares=shares),
            dataset=dict(type='ConcatDataset', datasets=sets),
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=10**9),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=1000, by_epoch=False)],
        default_hooks=dict(
            checkpoint=dict(type='mmdeeplab.CheckpointHook', by_epoch=False, interval=10**9),
            logger=dict(type='LoggerHook', interval=10**9),
        ),
        custom_hooks=list(hooks),
        load_from=None if options.get('resume') else str(root / 'random.pth'),
        default_scope='mmseg',
        randomness=dict(seed=3),
        log_level='ERROR',
        experiment_name=folder.name + str(folder.parent.name) + str(options.get('resume', '')),
    )
    runner = QuietRunner.from_cfg(Config(cfg | options))
    for hook in watch:
        runner.register_hook(hook)
    return runner


SMALL = (
    'model.data_preprocessor.size=(33,33)',
    'model.data_preprocessor.test_size=(49,49)',
    'model.decode_head.num_classes=21',
    'model.decode_head.loss_decode.class_weight=None',
    'train_dataloader.batch_size=2',
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')),
    'default_hooks.checkpoint.save_best=None',
)


def page_config(number: int) -> str:
    """A config of docs/few_labels.md."""
    text = (ROOT / 'docs/few_labels.md').read_text(encoding='utf-8')
    return re.findall(r'^```python\n(.*?)^```', text, re.M | re.S)[number]


def try_config(text: str, root: Path, folder: Path, *options: str) -> None:
    """Train a step of a config, resume it for another one, and test it, by the commands."""
    path = folder / 'few.py'
    path.write_text(text)
    (root / 'classes.txt').write_text('\n'.join(f'class {i}' for i in range(CLASSES)))
    place = [str(path), '--data-root', str(root), '--work-dir', str(folder)]
    small = ['--cfg-options', *SMALL, *options]
    assert train_command.main([*place, *small, 'train_cfg.max_iters=1']) == 0
    assert train_command.main([*place, '--resume', *small, 'train_cfg.max_iters=2']) == 0
    place.insert(1, str(folder / 'iter_2.safetensors'))
    assert test_command.main([*place, *small]) == 0
