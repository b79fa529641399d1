"""Counts against NumPy, weights against their formulas, and the loss that they reach."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from broken import SIZES, Folder, config, draw, ids_of
from mmengine.config import Config
from mmseg.registry import MODELS
from tools_conftest import CONFIG, SMALL

from mmdeeplab.cli import train as train_command
from mmdeeplab.config.class_weight import auto_methods, note_auto_weights, with_class_weights
from mmdeeplab.datasets.check.class_frequency import PixelCounts
from mmdeeplab.datasets.check.report import examine
from mmdeeplab.datasets.check.sample import count_colours, count_ids
from mmdeeplab.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw(tmp_path)
    return tmp_path


@pytest.mark.parametrize('split', ['train', 'val'])
def test_frequencies_equal_bincount(root: Path, split: str) -> None:
    folder = Folder(root, split)
    counts = examine(config(root), (split,)).counts[split]
    masks = [ids_of(path) for path in folder.masks]
    expected = sum(np.bincount(mask.ravel(), minlength=256) for mask in masks)
    np.testing.assert_array_equal(counts.pixels, expected[:21])
    assert counts.pixels.dtype == np.int64
    assert counts.void == expected[255]
    assert counts.images == len(SIZES[split])
    present = sum(np.isin(np.arange(21), mask) for mask in masks)
    np.testing.assert_array_equal(counts.present, present)


def test_wrapped_data_sets_are_counted_together(root: Path) -> None:
    cfg = config(root)
    parts = [
        cfg.train_dataloader.dataset,
        dict(type='RepeatDataset', dataset=cfg.val_dataloader.dataset),
    ]
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=parts)
    report = examine(cfg, ('train', 'val'))
    masks = [path for split in SIZES for path in Folder(root, split).masks]
    expected = sum(np.bincount(ids_of(mask).ravel(), minlength=256) for mask in masks)
    np.testing.assert_array_equal(report.counts['train'].pixels, expected[:21])
    assert [p.fault for p in report.errors] == ['leak']


def test_an_image_under_one_id_in_two_folders_is_named(root: Path) -> None:
    cfg = config(root)
    copied = root.parent / f'{root.name}-copied'
    shutil.copytree(root, copied)
    given = cfg.train_dataloader.dataset
    parts = [given, {**given, 'data_root': str(copied)}]
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=parts)
    twins = [p for p in examine(cfg, ('train',)).problems if p.fault == 'same-content']
    assert [p.id for p in twins] == Folder(root, 'train').ids
    assert all(p.path.startswith(str(copied)) and str(root) in p.words for p in twins)
    cfg.train_dataloader.dataset.datasets = [given, {**given, 'indices': 1}]
    assert not [p for p in examine(cfg, ('train',)).problems if p.fault == 'same-content']


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.int32, bool])
def test_ids_of_every_depth_are_counted(dtype: type) -> None:
    ids = np.random.default_rng(0).integers(0, 60000, (31, 17)).astype(dtype)
    values, numbers = np.unique(ids, return_counts=True)
    expected = {str(int(v)): int(n) for v, n in zip(values, numbers, strict=True)}
    assert count_ids(ids) == expected


def test_more_pixels_than_float32_can_count() -> None:
    ids = np.zeros((4097, 4099), np.uint8)
    ids[0, 0] = 7
    assert count_ids(ids) == {'0': 4097 * 4099 - 1, '7': 1}


def test_colours_are_counted() -> None:
    pixels = np.zeros((4, 5, 4), np.uint8)
    pixels[0, :3, :3] = 128, 0, 1
    assert count_colours(pixels) == {'0,0,0': 17, '128,0,1': 3}


def counts_of(*masks: dict[str, int]) -> PixelCounts:
    counts = PixelCounts.zero(4)
    for mask in masks:
        counts.add(mask, 255)
    return counts


def test_median_frequency_by_hand() -> None:
    """Class 0: 90 of 100 + 200 pixels, class 1: 10 of 100, class 2: 200 of 200; 3 is absent."""
    counts = counts_of({'0': 90, '1': 10, '255': 5}, {'0': 60, '2': 140})
    shares = [150 / 300, 10 / 100, 140 / 200]
    expected = [np.median(shares) / share for share in shares] + [1]
    np.testing.assert_allclose(counts.weights('auto'), expected, rtol=1e-3)


def test_effective_number_by_hand() -> None:
    """In b, 1 + b + ... + b^(n-1) images are left of n."""
    counts = counts_of({'0': 9, '1': 1}, {'0': 5}, {'0': 5, '2': 1}, {'0': 1, '1': 1})
    b = 1 - 1 / 4
    raw = [1 / sum(b**i for i in range(n)) for n in (4, 2, 1)]
    expected = [value / np.mean(raw) for value in raw] + [1]
    np.testing.assert_allclose(counts.weights('auto-effective'), expected, rtol=1e-3)


def test_weights_of_nothing_are_one() -> None:
    assert counts_of({'255': 9}).weights('auto') == [1.0] * 4
    assert counts_of().weights('auto-effective') == [1.0] * 4


def model_config(class_weight: object) -> Config:
    loss = dict(type='CrossEntropyLoss', avg_non_ignore=True, class_weight=class_weight)
    heads = [dict(loss_decode=[dict(type='DiceLoss'), loss])]
    return Config(dict(model=dict(decode_head=dict(loss_decode=loss), auxiliary_head=heads)))


def test_auto_reaches_every_loss_and_no_other_command() -> None:
    cfg = model_config('auto-effective')
    cfg = note_auto_weights(cfg)
    paths = ['model.decode_head.loss_decode', 'model.auxiliary_head.0.loss_decode.1']
    assert auto_methods(cfg) == dict.fromkeys(paths, 'auto-effective')
    assert cfg.model.decode_head.loss_decode.class_weight is None
    cfg = with_class_weights(cfg, {'auto-effective': [1.0, 2.0]})
    assert cfg.model.auxiliary_head[0].loss_decode[1].class_weight == [1.0, 2.0]
    assert cfg.model.decode_head.loss_decode.class_weight == [1.0, 2.0]
    assert auto_methods(cfg) == {}


def test_a_wrong_word_is_named() -> None:
    with pytest.raises(UserError, match=r"decode_head\.loss_decode.*'automatic'.*auto-effective"):
        note_auto_weights(model_config('automatic'))


@pytest.mark.parametrize('class_weight', ['auto', [0.5, 2.0, 1.0]])
def test_the_loss_is_pytorchs_weighted_mean_over_labelled_pixels(class_weight: object) -> None:
    cfg = model_config(class_weight)
    cfg = note_auto_weights(cfg)
    cfg = with_class_weights(cfg, {'auto': [0.5, 2.0, 1.0]})
    loss = MODELS.build(dict(cfg.model.decode_head.loss_decode, _scope_='mmseg'))
    logits = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 5, 7))
    labels[0, :2] = 255
    expected = torch.nn.functional.cross_entropy(
        logits, labels, torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64), ignore_index=255
    )
    torch.testing.assert_close(loss(logits, labels, ignore_index=255), expected)


@pytest.mark.slow
def test_training_with_auto(data: Path, tmp_path: Path) -> None:
    options = [*SMALL, 'train_cfg.max_iters=1', 'model.decode_head.loss_decode.class_weight=auto']
    arguments = [CONFIG, '--data-root', str(data), '--work-dir', str(tmp_path)]
    assert train_command.main([*arguments, '--cfg-options', *options]) == 0
    (dumped,) = tmp_path.glob('*.py')
    weights = Config.fromfile(dumped).model.decode_head.loss_decode.class_weight
    assert weights == examine(config(data), ('train',)).counts['train'].weights('auto')
    assert len(set(weights)) > 10


@pytest.mark.parametrize('count', [20, 22])
def test_weights_are_one_a_class(count: int) -> None:
    cfg = model_config([1.0] * count)
    cfg.model.decode_head.num_classes = 21
    with pytest.raises(UserError, match=rf'class_weight has {count} weights, .*num_classes is 21'):
        note_auto_weights(cfg)
