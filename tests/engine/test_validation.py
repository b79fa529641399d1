"""Validation in training is the evaluation of test.py; best checkpoints; early stopping."""

import json
from pathlib import Path

import pytest
import torch
from places import ROOT

from mmdeeplab.cli import test as test_command
from mmdeeplab.cli import train as train_command
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

pytestmark = pytest.mark.slow
CONFIG = str(ROOT / 'configs/deeplabv3_mobilenetv2_voc.py')
EMA = "custom_hooks = [dict(type='EMAHook', momentum=0.2)]"
SIZES = [
    'protocols.paper-513.test_size=(65,65)',
    'protocols.short-512.pipeline.1.scale=(256,65)',
    'protocols.crop-513.pipeline.2.scale=(256,64)',
    'protocols.crop-513.pipeline.3.size=(64,64)',
    'protocols.crop-513.test_size=(65,65)',
]


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('mini-voc')
    generate(out, MiniVoc(train=4, val=3, size=48), quiet=True)
    return out


def small(data: Path) -> list[str]:
    splits = [f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')]
    splits += [f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')]
    return [
        '--data-root', str(data), '--cfg-options', *splits,
        'train_dataloader.dataset.pipeline.2.crop_size=(33,33)',
        'model.data_preprocessor.size=(33,33)',
        'model.data_preprocessor.test_size=(49,49)',
        'train_dataloader.batch_size=2',
        'train_dataloader.dataset.split=train',
        'train_dataloader.dataset.mask_dir=SegmentationClass',
        'default_hooks.logger.interval=1',
    ]  # fmt: skip


def config(folder: Path, line: str) -> str:
    """A config that adds one line."""
    path = folder / 'mine.py'
    path.write_text(f'_base_ = {CONFIG!r}\n{line}\n')
    return str(path)


def train(
    work: Path, data: Path, *options: str, path: str = CONFIG, resume: str = ''
) -> list[dict]:
    """Train; return what each validation logged."""
    more = ['--resume', resume] if resume else []
    arguments = [path, '--work-dir', str(work), *more, *small(data), *options]
    assert train_command.main(arguments) == 0
    lines = [
        json.loads(line)
        for log in sorted(work.glob('*/vis_data/scalars.json'))
        for line in log.read_text().splitlines()
    ]
    return [line for line in lines if 'mIoU' in line]


def measured(work: Path, data: Path, checkpoint: Path, *options: str, path: str = CONFIG) -> dict:
    out = work / 'report'
    arguments = [path, str(checkpoint), '--work-dir', str(work / 'test'), '--out', str(out)]
    assert test_command.main([*arguments, *options, *small(data)]) == 0
    return json.loads((out / 'metrics.json').read_text())


@pytest.mark.parametrize('line', ['', EMA], ids=['plain', 'ema'])
def test_validation_in_training_is_the_evaluation_of_test(
    data: Path, tmp_path: Path, line: str
) -> None:
    path = config(tmp_path, line)
    logged = train(
        tmp_path, data, 'train_cfg.max_iters=2', 'train_cfg.val_interval=1',
        'optim_wrapper.optimizer.lr=0.1', 'default_hooks.checkpoint.save_best=None',
        'default_hooks.checkpoint.interval=1', 'param_scheduler.0.end=9', path=path,
    )  # fmt: skip
    assert len(logged) == 2
    for step, row in enumerate(logged, 1):
        (checkpoint,) = tmp_path.glob(f'iter_{step}.*')
        report = measured(tmp_path, data, checkpoint, path=path)
        for key in ('mIoU', 'mAcc', 'aAcc', 'fwIoU'):
            assert row[key] == report[key], key
        assert row['val/loss'] == report['loss']
        assert report['protocol'] == 'custom'
    assert logged[0]['val/loss'] != logged[1]['val/loss']


def test_the_best_checkpoint_can_be_resumed(data: Path, tmp_path: Path) -> None:
    """Nothing is drawn at random here, so the run that goes on ends where the straight one does."""
    options = [
        'train_cfg.val_interval=1', 'default_hooks.checkpoint.save_best=val/loss',
        'default_hooks.checkpoint.rule=greater', 'train_dataloader.dataset.pipeline.2.minimum=1',
        'train_dataloader.dataset.pipeline.2.maximum=1', 'model.data_preprocessor.size=(49,49)',
        'train_dataloader.dataset.pipeline.2.crop_size=(49,49)', 'model.neck.dropout=0',
        'train_dataloader.dataset.pipeline.3.prob=0.0', 'train_cfg.max_iters=2',
        'param_scheduler.0.end=9',
    ]  # fmt: skip
    straight = train(tmp_path / 'a', data, *options)
    assert straight[0]['val/loss'] > straight[1]['val/loss']  # so "best" stays the first
    (best,) = (tmp_path / 'a').glob('best_val_loss_iter_1.*')
    again = train(tmp_path / 'b', data, *options, resume=str(best))
    assert [line['step'] for line in again] == [2]
    assert again[0]['val/loss'] == straight[1]['val/loss']


def test_a_run_stops_early_by_one_line_of_the_config(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = config(tmp_path, "early_stopping = dict(monitor='mIoU', patience=2, min_delta=100)")
    options = ['train_cfg.max_iters=9', 'train_cfg.val_interval=1']
    logged = train(tmp_path, data, *options, path=path)
    assert len(logged) == 3
    assert 'stopped early: mIoU' in capsys.readouterr().out


def test_every_way_to_evaluate(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    train(tmp_path, data, 'train_cfg.max_iters=1', 'default_hooks.checkpoint.save_best=None')
    (checkpoint,) = tmp_path.glob('iter_1.*')
    base = [CONFIG, str(checkpoint), '--work-dir', str(tmp_path / 'test')]
    out = tmp_path / 'all'
    extra = ['--protocol', 'all', '--trimap', '1', '3', '--boundary', '--out', str(out)]
    assert test_command.main([*base, *extra, *small(data), *SIZES]) == 0
    names = ('paper-513', 'short-512', 'crop-513')
    reports = {name: json.loads((out / name / 'metrics.json').read_text()) for name in names}
    table = capsys.readouterr().out.rpartition('| protocol')[2]
    for name, report in reports.items():
        assert report['protocol'] == name
        assert f'{report["mIoU"]:.2f}' in next(x for x in table.splitlines() if name in x)
        assert list(report['trimap']) == ['1', '3']
        assert report['boundary_iou']['ratio'] == 0.02
    assert len({report['loss'] for report in reports.values()}) == 3
    slid, banded = (
        measured(tmp_path, data, checkpoint, '--mode', mode, '--window', '33', '--stride', '16')
        for mode in ('slide', 'bands')
    )
    assert slid['confusion'] == banded['confusion']
    assert slid['mode'] == 'slide'
    assert 'loss' in slid
    assert 'loss' not in banded


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--protocol', 'paper'], "paper-513, short-512, crop-513, all, got 'paper'"),
        (['--trimap', '0'], '--trimap must be'),
        (['--boundary', '2'], '--boundary must be'),
        (['--window', '33'], 'need --mode slide or bands'),
        (['--mode', 'slide', '--window', '33', '--stride', '40'], 'got 33 and 40'),
    ],
)
def test_mistakes_are_answered_in_a_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture, options: list, words: str
) -> None:
    checkpoint = tmp_path / 'iter_1.safetensors'
    torch.save(dict(state_dict={}), checkpoint)
    arguments = [CONFIG, str(checkpoint), '--work-dir', str(tmp_path), *options, *small(data)]
    assert test_command.main(arguments) == 2
    assert words in capsys.readouterr().err
