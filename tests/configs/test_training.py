"""Every config trains, saves and evaluates: a step or two on a few small images."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.config import Config
from places import ROOT
from test_public_data import LEAVES as PUBLIC_DATA

from mmdeeplab.cli import test as test_command
from mmdeeplab.cli import train as train_command
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

# All train at the least depth: a leaf that only sets another one is its base over again.
ONLY_DEPTH = re.compile(r'(#.*\n)*_base_ = .*\nmodel = dict\(backbone=dict\(depth=\d+\)\)\n')
# Of the configs for mmsegmentation's checkpoints two small ones; both heads are among them.
MMSEG = ('deeplabv3_r18-d8', 'deeplabv3plus_mobilenetv2-d8')
LEAVES = [
    path
    for path in sorted((ROOT / 'configs').glob('*.py'))
    if not ONLY_DEPTH.fullmatch(path.read_text())
    and ('-mmseg_' not in path.stem or path.stem.startswith(MMSEG))
    and path not in PUBLIC_DATA
]
CROP = '(33,33)'
WIDTH = 32
DEPTHS = {'mmdeeplab.Xception': 41, 'mmdeeplab.AtrousResNet': 50}


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('mini-voc')
    generate(out, MiniVoc(train=4, val=3, size=64), quiet=True)
    (out / 'classes.txt').write_text('\n'.join(f'class {i}' for i in range(21)))
    return out


def options(path: Path) -> Iterator[str]:
    """Small crops and batches, no worker processes, VOC's splits, the least depth and width."""
    cfg = Config.fromfile(path)
    if cfg.model.backbone.type in DEPTHS:
        yield f'model.backbone.depth={DEPTHS[cfg.model.backbone.type]}'
    pipeline = cfg.train_dataloader.dataset.pipeline
    for i, transform in enumerate(pipeline):
        if 'crop_size' in transform:
            yield f'train_dataloader.dataset.pipeline.{i}.crop_size={CROP}'
    if neck := cfg.model.get('neck'):
        maps = cfg.model.decode_head.in_channels
        *others, last = maps if isinstance(maps, tuple | list) else (maps,)
        narrow = WIDTH * last // neck.channels  # several rates may stand side by side
        channels = (*others, narrow) if others else narrow
        yield f'model.neck.channels={WIDTH}'
        yield f'model.decode_head.in_channels={channels}'.replace(' ', '')
        yield f'model.decode_head.channels={narrow}'
    yield f'model.data_preprocessor.size={CROP}'
    yield 'model.data_preprocessor.test_size=(65,65)'
    yield 'model.decode_head.num_classes=21'
    if 'class_weight' in cfg.model.decode_head.loss_decode:
        yield 'model.decode_head.loss_decode.class_weight=None'
    yield 'train_dataloader.batch_size=2'
    yield 'train_dataloader.dataset.split=train'
    yield 'train_dataloader.dataset.mask_dir=SegmentationClass'
    yield 'optim_wrapper.optimizer.lr=1e-6'  # some recipes need their pretrained weights
    yield 'default_hooks.logger.interval=1'
    for split in ('train', 'val', 'test'):
        yield f'{split}_dataloader.num_workers=0'
        yield f'{split}_dataloader.persistent_workers=False'


def classes(path: Path) -> set[str]:
    """What a config is made of."""
    cfg = Config.fromfile(path)
    model = cfg.model
    parts = (model, model.backbone, model.get('neck'), model.decode_head, cfg.optim_wrapper)
    return {part.type for part in parts if part}


def first_of_each_class() -> Iterator[Path]:
    seen: set[str] = set()
    for path in LEAVES:
        if not classes(path) <= seen:
            seen |= classes(path)
            yield path


RESUMED = tuple(first_of_each_class())


def logged(work: Path, key: str) -> list[float]:
    """What the runs have noted under ``key``."""
    lines = [
        json.loads(line)
        for log in sorted(work.glob('*/vis_data/scalars.json'))
        for line in log.read_text().splitlines()
    ]
    return [line[key] for line in lines if key in line]


@pytest.mark.slow
@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_trains_saves_and_evaluates(path: Path, data: Path, tmp_path: Path) -> None:
    """The first config of each class is resumed and tested, too."""
    small = ['--cfg-options', *options(path), 'default_hooks.checkpoint.save_best=None']
    common = [str(path), '--data-root', str(data), '--work-dir', str(tmp_path)]
    assert train_command.main([*common, *small, 'train_cfg.max_iters=1']) == 0
    assert (tmp_path / 'iter_1.safetensors').is_file()
    assert len(logged(tmp_path, 'mIoU')) == 1
    if path in RESUMED:
        again = [*common, '--resume', '--no-preflight', *small]
        assert train_command.main([*again, 'train_cfg.max_iters=2', 'train_cfg.val_begin=3']) == 0
        out = tmp_path / 'report'
        test = [str(path), str(tmp_path / 'iter_2.safetensors'), *common[1:], '--out', str(out)]
        assert test_command.main([*test, *small]) == 0
        assert json.loads((out / 'metrics.json').read_text())['num_images'] == 3
    losses = logged(tmp_path, 'loss')
    assert len(losses) == 1 + (path in RESUMED)
    assert all(math.isfinite(loss) and loss > 0 for loss in losses)
