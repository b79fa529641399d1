"""Training and evaluation as a user runs them."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tools_conftest import CONFIG, SMALL, XCEPTION, Tool

from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.visualization.voc_palette import VOC_CLASSES

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def report(tool: Tool, trained: dict, data: Path) -> dict:
    out = trained['work'] / 'report'
    done = tool(
        'test.py', CONFIG, trained['work'] / 'iter_4.safetensors', '--data-root', data,
        '--out', out, '--work-dir', trained['work'], '--cfg-options', *SMALL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads((out / 'metrics.json').read_text())
    return dict(out=out, stdout=done.stdout, stderr=done.stderr, metrics=metrics)


def test_training_saves_and_evaluates(trained: dict) -> None:
    assert (trained['work'] / 'iter_2.safetensors').is_file()
    assert (trained['work'] / 'iter_4.safetensors').is_file()
    assert all(name in trained['stdout'] for name in VOC_CLASSES)
    assert 'mIoU' in trained['stdout']


def test_the_console_is_readable(trained: dict, report: dict) -> None:
    """One line a step, the table, and nothing from the packages below."""
    lines = [line for line in trained['stdout'].splitlines() if 'Iter(train)' in line]
    assert len(lines) == 4
    assert all('eta' in line and 'loss' in line for line in lines)
    for text in (trained['stdout'] + trained['stderr'], report['stdout'] + report['stderr']):
        for noise in ('Warning', 'warn', 'OneDL', 'mmcv-lite', 'deprecated', 'prefix', 'Config:'):
            assert noise not in text
        assert len(text.splitlines()) < 60


def test_metrics_json(report: dict, trained: dict) -> None:
    metrics = report['metrics']
    checkpoint = trained['work'] / 'iter_4.safetensors'
    assert metrics['num_images'] == 11
    assert metrics['config'] == Path(CONFIG).name
    assert metrics['checkpoint_sha256'] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert list(metrics['per_class']) == list(VOC_CLASSES)
    assert {'IoU', 'Acc', 'F1', 'interval'} < set(metrics['per_class']['bird'])
    assert len(metrics['per_image']) == 11
    assert np.shape(metrics['confusion']) == (21, 21)
    settings = ['tta', 'crf', 'mode', 'window', 'stride', 'blend', 'fast', 'cfg_options']
    assert list(metrics)[-len(settings) :] == settings
    assert metrics['loss'] > 0
    known = [row['IoU'] for row in metrics['per_class'].values() if row['IoU'] is not None]
    assert metrics['mIoU'] == pytest.approx(np.mean(known))
    assert 0 <= metrics['mIoU'] <= metrics['aAcc'] <= 100


def test_validation_in_training_is_the_same_evaluation(trained: dict, report: dict) -> None:
    (line,) = re.findall(r'Iter\(val\).*mIoU: ([\d.]+)', trained['stdout'])
    assert float(line) == pytest.approx(report['metrics']['mIoU'], abs=5e-5)


def test_pictures(report: dict) -> None:
    pictures = sorted((report['out'] / 'pictures').glob('*.png'))
    assert len(pictures) == 8
    with Image.open(pictures[0]) as picture:
        assert picture.width > 2 * picture.height


def test_resume_goes_on(forked: Tool, trained: dict, data: Path) -> None:
    options = ['--data-root', data, '--work-dir', trained['work']]
    small = ['--cfg-options', *SMALL, 'train_cfg.max_iters=5']
    done = forked('train.py', CONFIG, *options, '--resume', *small)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'resuming from' in done.stdout
    steps = re.findall(r'Iter\(train\) \[(\d+)/5\]', done.stdout)
    assert steps == ['5']


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--resume'], 'nothing|no checkpoint'),
        (['--resume', 'gone.pth'], 'no checkpoint at gone.pth'),
    ],
)
def test_resume_without_a_checkpoint_is_an_error(
    forked: Tool, data: Path, tmp_path: Path, options: list, words: str
) -> None:
    done = forked('train.py', CONFIG, '--data-root', data, '--work-dir', tmp_path, *options)
    assert done.returncode == 2
    assert re.search(words, done.stderr)
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    ('name', 'args', 'words'),
    [
        ('train.py', ['configs/deeplabv3plus_xcepton_voc.py'], ['deeplabv3plus_xception_voc.py']),
        ('train.py', ['configs/deeplabv3plus_xception_voc.py'], ['VOC2012', '--data-root']),
        ('train.py', [CONFIG, '--data-root', 'nowhere'], ['nowhere']),
        ('train.py', [CONFIG, '--output-stride', '12'], ['8, 16, 32', '12']),
        ('test.py', [CONFIG, 'gone.pth'], ['gone.pth']),
        ('test.py', [CONFIG, 'gone.pth', '--output-stride', '12'], ['8, 16, 32', '12']),
        ('convert_weights.py', ['tf', 'gone.npz', 'out.pth'], ['gone.npz']),
        ('convert_weights.py', ['tf', 'gone', 'out.pth'], ['gone', 'model.ckpt']),
        ('convert_weights.py', ['tf', 'gone.npz', 'out.bin'], ['out.bin', '.safetensors']),
    ],
)
def test_mistakes_are_answered_in_a_sentence(
    forked: Tool, tmp_path: Path, name: str, args: list, words: list
) -> None:
    done = forked(name, *args)
    assert done.returncode == 2
    assert done.stderr.startswith('error: ')
    assert all(word in done.stderr for word in words), done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_label_outside_the_classes_stops_the_run_before_it_starts(
    forked: Tool, tmp_path: Path, split: str
) -> None:
    root = tmp_path / 'mini'
    generate(root, MiniVoc(train=3, val=3, size=64), quiet=True)
    key = (root / f'ImageSets/Segmentation/{split}.txt').read_text().split()[-1]
    path = root / f'SegmentationClass/{key}.png'
    mask = Image.open(path)
    ids = np.array(mask)
    ids[0, 0] = 77
    bad = Image.fromarray(ids, 'P')
    bad.putpalette(mask.getpalette())
    bad.save(path)
    done = forked(
        'train.py', CONFIG, '--data-root', root, '--work-dir', tmp_path / 'w', '--cfg-options',
        *SMALL, 'train_cfg.max_iters=2',
    )  # fmt: skip
    assert done.returncode == 2
    assert 'holds ids 77 (1 pixels)' in done.stderr
    assert path.name in done.stderr
    assert 'Iter(train)' not in done.stdout


def test_another_number_of_classes_is_refused_with_the_option(
    forked: Tool, tmp_path: Path, data: Path
) -> None:
    done = forked(
        'train.py', CONFIG, '--data-root', data, '--work-dir', tmp_path, '--cfg-options', *SMALL,
        'model.decode_head.num_classes=19', 'train_cfg.max_iters=2',
    )  # fmt: skip
    assert done.returncode == 2
    assert 'model.decode_head.num_classes=21' in done.stderr


def test_a_checkpoint_of_another_model_is_refused(
    forked: Tool, trained: dict, data: Path, tmp_path: Path
) -> None:
    done = forked(
        'test.py', CONFIG, trained['work'] / 'iter_4.safetensors', '--data-root', data,
        '--work-dir', tmp_path, '--cfg-options', *SMALL, 'model.neck.rates=(6,)',
    )  # fmt: skip
    assert done.returncode == 2
    assert 'missing from the file' in done.stderr
    assert 'neck.' in done.stderr


@pytest.mark.parametrize('extra', [['--tta'], ['--output-stride', '8']])
def test_other_ways_to_evaluate(
    forked: Tool, trained: dict, data: Path, tmp_path: Path, extra: list
) -> None:
    done = forked(
        'test.py', CONFIG, trained['work'], '--data-root', data, '--out', tmp_path, '--work-dir',
        tmp_path, *extra, '--cfg-options', *SMALL, 'tta_model.type=mmdeeplab.MultiScaleFlip',
        'tta_model.scales=(0.75,1.0)',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics['num_images'] == 11
    assert metrics['tta'] == ('--tta' in extra)


def test_amp(forked: Tool, data: Path, tmp_path: Path) -> None:
    done = forked(
        'train.py', 'configs/deeplabv3plus_xception_voc.py', '--amp', '--data-root', data,
        '--work-dir', tmp_path, '--cfg-options', *XCEPTION, 'train_cfg.max_iters=1',
        'train_dataloader.dataset.split=train',
        'train_dataloader.dataset.mask_dir=SegmentationClass',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ([], ['names no CRF', 'crf.published=v2-r101']),
        (['crf.published=v9'], ['crf.published', 'v1-largefov', "'v9'"]),
        (['crf.published=v2-r101', 'crf.bi_wide=3'], ['crf.bi_wide is not a key of crf']),
    ],
)
def test_a_crf_without_parameters_is_refused(
    forked: Tool, trained: dict, data: Path, tmp_path: Path, options: list, words: list
) -> None:
    done = forked(
        'test.py', CONFIG, trained['work'], '--data-root', data, '--work-dir', tmp_path, '--crf',
        '--cfg-options', *SMALL, *options,
    )  # fmt: skip
    assert done.returncode == 2
    assert all(word in done.stderr for word in words), done.stderr


def test_crf(forked: Tool, trained: dict, data: Path, tmp_path: Path) -> None:
    pytest.importorskip('pydensecrf.densecrf', reason='needs the extra crf: pydensecrf2')
    done = forked(
        'test.py', CONFIG, trained['work'], '--data-root', data, '--out', tmp_path, '--work-dir',
        tmp_path, '--crf', '--cfg-options', *SMALL, 'crf.published=v2-r101',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / 'metrics.json').read_text())['crf'] is True
