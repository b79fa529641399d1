"""What ``tools/test.py --fast`` puts in the network's place."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image
from torch import nn

from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.engine.hooks import accelerate
from mmdeeplab.engine.hooks.accelerate import FastHook, training_pictures
from mmdeeplab.inference.accelerate import FastSegmentor

CONFIG = 'deeplabv3plus_mobilenetv2_voc'
SPLIT = ['train_dataloader.dataset.split=train',
         'train_dataloader.dataset.mask_dir=SegmentationClass']  # fmt: skip


def test_images_without_masks_correct_nothing(tmp_path: Path) -> None:
    generate(tmp_path, MiniVoc(train=5, val=3, size=48), quiet=True)
    data = dict(type='mmdeeplab.VOCFolderDataset', data_root=str(tmp_path))
    unlabelled = data | dict(split='train', mask_dir=None)
    both = dict(type='ConcatDataset', datasets=[unlabelled, data | dict(split='val'), unlabelled])
    with DefaultScope.overwrite_default_scope('mmseg'):
        found = training_pictures(Config(dict(train_dataloader=dict(dataset=both))))
    names = (tmp_path / 'ImageSets' / 'Segmentation' / 'val.txt').read_text().split()
    assert len(found) == len(names)
    for (_, mask), name in zip(found, names, strict=True):
        expected = Image.open(tmp_path / 'SegmentationClass' / f'{name}.png')
        assert np.array_equal(mask, np.array(expected))


def test_the_training_split_corrects_lower_precision_alone(
    tmp_path: Path, build: Callable[..., nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerate, 'PICTURES', 3)
    generate(tmp_path / 'voc', MiniVoc(train=5, val=1, size=48), quiet=True)
    cfg = load_config(CONFIG, ConfigOptions(SPLIT, data_root=str(tmp_path / 'voc')))
    names = (tmp_path / 'voc' / 'ImageSets' / 'Segmentation' / 'train.txt').read_text().split()
    files = [tmp_path / 'voc' / 'JPEGImages' / f'{names[i]}.jpg' for i in (0, 1, 3)]
    expected = [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in files]
    masks = [file.parents[1] / 'SegmentationClass' / f'{file.stem}.png' for file in files]
    for found, picture, mask in zip(training_pictures(cfg), expected, masks, strict=True):
        assert np.array_equal(found[0], picture)
        assert np.array_equal(found[1], np.array(Image.open(mask)))
    for fast, count in ((True, 0), ('bf16', 3), ('int8', 3)):
        runner = SimpleNamespace(model=build(CONFIG).train(), cfg=cfg)
        FastHook(fast).before_test(runner)  # type: ignore[arg-type]
        assert isinstance(runner.model, FastSegmentor)
        assert not runner.model.network.training
        shapes = [tuple(picture.image.shape) for picture in runner.model.calibration]
        assert shapes == [(1, 3, 513, 513)] * count  # as the network sees them
        sizes = [tuple(one.mask.shape) for one in runner.model.calibration]
        assert sizes == [picture.shape[:2] for picture in expected[:count]]
