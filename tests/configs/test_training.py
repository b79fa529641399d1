"""Every config trains, saves, resumes and evaluates: two steps on a few small images."""

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
CROP = (49, 49)
DEPTHS = {'mmdeeplab.Xception': 41, 'mmdeeplab.AtrousResNet': 50}


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('mini-voc')
    generate(out, MiniVoc(train=4, val=3, size=64), quiet=True)
    (out / 'classes.txt').write_text('\n'.join(f'class {i}' for i in range(21)))
    return out


def options(path: Path) -> Iterator[str]:
    """Small crops, small batches, no worker processes, VOC's own splits, the least depth."""
    cfg = Config.fromfile(path)
    if cfg.model.backbone.type in DEPTHS:
        yield f'model.backbone.depth={DEPTHS[cfg.model.backbone.type]}'
    pipeline = cfg.train_dataloader.dataset.pipeline
    for i, transform in enumerate(pipeline):
        if 'crop_size' in transform:
            yield f'train_dataloader.dataset.pipeline.{i}.crop_size={CROP}'.replace(' ', '')
    yield 'model.data_preprocessor.size=(49,49)'
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


@pytest.mark.slow
@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_trains_resumes_and_evaluates(path: Path, data: Path, tmp_path: Path) -> None:
    common = [str(path), '--data-root', str(data), '--work-dir', str(tmp_path)]
    small = ['--cfg-options', *options(path), 'default_hooks.checkpoint.save_best=None']
    assert train_command.main([*common, *small, 'train_cfg.max_iters=1']) == 0
    again = [*common, '--resume', *small, 'train_cfg.max_iters=2']
    assert train_command.main(again) == 0
    losses = [
        json.loads(line)['loss']
        for log in tmp_path.glob('*/vis_data/scalars.json')
        for line in log.read_text().splitlines()
        if '"loss"' in line
    ]
    assert len(losses) == 2
    assert all(math.isfinite(loss) and loss > 0 for loss in losses)
    out = tmp_path / 'report'
    arguments = [
        str(path),
        str(tmp_path / 'iter_2.safetensors'),
        *common[1:],
        '--out',
        str(out),
        *small,
    ]
    assert test_command.main(arguments) == 0
    assert json.loads((out / 'metrics.json').read_text())['num_images'] == 3
    for checkpoint in tmp_path.glob('*.safetensors'):
        checkpoint.unlink()
