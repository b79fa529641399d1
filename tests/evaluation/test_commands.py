"""Train and test with other metrics and with one channel, by the commands, in this process."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import ROOT

from mmdeeplab.cli import test as test_command
from mmdeeplab.cli import train as train_command
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

TINY = """
_base_ = {base!r}
data_root = {data!r}
small = dict(num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root))
train_dataloader = dict(batch_size=2, **small)
val_dataloader = small
test_dataloader = small
train_cfg = dict(max_iters=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
"""
pytestmark = pytest.mark.slow  # trains twice
BASE = ROOT / 'configs/deeplabv3plus_mobilenetv2_mini-voc.py'
IOU = "dict(type='IoUMetric', iou_metrics=['mIoU', 'mDice'], prefix='mmseg')"
OURS = "dict(type='mmdeeplab.SegMetric')"
ONE_CHANNEL = """
model = dict(decode_head=dict(
    num_classes=2, out_channels=1, threshold=0.5,
    loss_decode=[dict(type='CrossEntropyLoss', use_sigmoid=True), dict(type='DiceLoss')]))
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('metrics')
    generate(folder / 'data', MiniVoc(train=4, val=2, size=64), quiet=True)
    return folder


def config(folder: Path, name: str, text: str) -> str:
    path = folder / f'{name}.py'
    path.write_text(TINY.format(base=str(BASE), data=str(folder / 'data')) + text)
    return str(path)


@pytest.fixture(scope='module')
def trained(folder: Path) -> Path:
    """A run that chooses its best checkpoint by mmseg's score."""
    evaluator = f'[{IOU}, {OURS}]'
    text = (
        f'val_evaluator = {evaluator}\ntest_evaluator = val_evaluator\n'
        "default_hooks['checkpoint']['save_best'] = 'mmseg/mDice'\n"
    )
    path = config(folder, 'both', text)
    assert train_command.main([path, '--work-dir', str(folder / 'work')]) == 0
    return folder / 'work'


def test_the_best_is_chosen_by_any_score(trained: Path) -> None:
    assert list(trained.glob('best_mmseg_mDice_iter_1.safetensors'))


@pytest.mark.parametrize('evaluator', [IOU, f'[{IOU}]', f'[{IOU}, {OURS}]'], ids=str)
def test_scores_are_printed_and_written(
    evaluator: str, folder: Path, trained: Path, capsys: pytest.CaptureFixture
) -> None:
    path = config(folder, 'own', f'test_evaluator = {evaluator}\n')
    if not evaluator.startswith('['):
        Path(path).write_text(
            Path(path).read_text().replace('= dict(type', '= dict(_delete_=True, type')
        )
    out = folder / f'report{len(evaluator)}'
    arguments = [path, str(trained), '--work-dir', str(folder / 'logs'), '--out', str(out)]
    assert test_command.main(arguments) == 0
    said = capsys.readouterr().out
    metrics = json.loads((out / 'metrics.json').read_text())
    assert f'mmseg/mDice {metrics["scores"]["mmseg/mDice"]:.4g}' in said
    assert (out / 'report.html').exists() == ('SegMetric' in evaluator)
    assert ('there is no page' in said) == ('SegMetric' not in evaluator)


def test_metrics_that_collide_are_told_before_the_first_step(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    text = "val_evaluator = [dict(type='IoUMetric'), dict(type='mmdeeplab.SegMetric')]\n"
    path = config(folder, 'collide', text)
    assert train_command.main([path, '--work-dir', str(folder / 'collide')]) == 2
    said = capsys.readouterr().err
    assert 'val_evaluator: several metrics give mIoU, mAcc, aAcc: set a prefix' in said


def test_one_channel_trains_and_is_evaluated(folder: Path) -> None:
    data = folder / 'two'
    generate(data, MiniVoc(train=4, val=2, size=64), quiet=True)
    for path in (data / 'SegmentationClass').glob('*.png'):
        ids = np.array(Image.open(path))
        Image.fromarray(np.where(ids == 255, 255, ids > 0).astype(np.uint8)).save(path)
    (data / 'classes.txt').write_text('background\nthing\n')
    path = config(folder, 'one', ONE_CHANNEL)
    common = ['--data-root', str(data), '--work-dir', str(folder / 'one')]
    assert train_command.main([path, *common]) == 0
    out = folder / 'one_report'
    arguments = [path, str(folder / 'one'), *common, '--out', str(out), '--save-masks']
    assert test_command.main(arguments) == 0
    metrics = json.loads((out / 'metrics.json').read_text())
    assert metrics['loss'] > 0
    assert list(metrics['per_class']) == ['background', 'thing']
    masks = [np.array(Image.open(path)) for path in (out / 'masks').glob('*.png')]
    assert len(masks) == 2
    assert {int(label) for mask in masks for label in np.unique(mask)} <= {0, 1}
