"""What ``test.py --out`` leaves behind, and what training does."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tools_conftest import CONFIG, SMALL, Tool

pytestmark = pytest.mark.slow


def test_training_says_its_recipe_and_draws_its_curves(trained: dict) -> None:
    assert 'no published number' in trained['stdout']
    assert 'BatchNorm: replaced by group norm (2 images a device' in trained['stdout']
    with Image.open(trained['work'] / 'curves.png') as picture:
        assert picture.width > picture.height


def test_report_tables_and_masks(forked: Tool, trained: dict, data: Path, tmp_path: Path) -> None:
    done = forked(
        'test.py', CONFIG, trained['work'], '--data-root', data, '--out', tmp_path, '--work-dir',
        tmp_path / 'w', '--save-masks', 'voc', '--cfg-options', *SMALL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    page = (tmp_path / 'report.html').read_text()
    assert f'{metrics["mIoU"]:.2f}' in page
    assert page.count('<img') == 8 * 4
    assert 'id="training"' in page
    assert len((tmp_path / 'per_class.csv').read_text().splitlines()) == 22
    assert len((tmp_path / 'confusion.csv').read_text().splitlines()) == 22
    folder = tmp_path / 'results/VOC2012/Segmentation/comp6_test_cls'
    matrix = np.zeros((21, 21), int)
    for name in (data / 'ImageSets/Segmentation/val.txt').read_text().split():
        mask = Image.open(folder / f'{name}.png')
        assert mask.mode == 'P'
        truth = np.array(Image.open(data / f'SegmentationClass/{name}.png'))
        valid = truth != 255
        np.add.at(matrix, (truth[valid], np.array(mask)[valid]), 1)
    assert matrix.tolist() == metrics['confusion']


def test_masks_need_a_folder(forked: Tool, trained: dict, data: Path) -> None:
    done = forked('test.py', CONFIG, trained['work'], '--data-root', data, '--save-masks')
    assert done.returncode == 2
    assert '--save-masks needs --out' in done.stderr
