"""Classes that differ only in low bits, or only in a fourth band, are learned from such images.

Twice: by a small network of full resolution, in seconds, and by the network and the training that
the written config names, in a minute, where areas are large beside its stride.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from PIL import Image
from torch import Tensor, nn

from mmdeeplab.cli.new_config import main
from mmdeeplab.config.load import load_config
from mmdeeplab.registry import DATASETS, MODELS
from mmdeeplab.report.history import read_history

SIDE, CLASSES = 64, 3
STEPS = 240


def low_bits(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint16 whose upper eight bits are the same everywhere."""
    noise = rng.integers(-25, 26, (*mask.shape, 3))
    return (0x5A00 + np.array([40, 128, 215])[mask][..., None] + noise).astype(np.uint16)


def fourth_band(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 4) uint16 whose first three bands are noise."""
    band = np.array([10_000, 30_000, 50_000])[mask] + rng.integers(-6000, 6001, mask.shape)
    colours = rng.integers(0, 65_536, (*mask.shape, 3))
    return np.dstack([colours, band]).astype(np.uint16)


def either(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 4) uint16: the second class has other low bits, the third another fourth band."""
    band = fourth_band((mask == 2).astype(np.uint8), rng)[..., 3:]
    return np.dstack([low_bits((mask == 1).astype(np.uint8), rng), band])


def squares(rng: np.random.Generator) -> np.ndarray:
    """Two classes as small squares on the first."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for label in range(1, CLASSES):
        top, left = rng.integers(0, SIDE - 24, 2)
        mask[top : top + 24, left : left + 24] = label
    return mask


def areas(rng: np.random.Generator, side: int = 96) -> np.ndarray:
    """One half and two quarters, about, of three classes in any order."""
    first, second, third = rng.permutation(CLASSES)
    mask = np.full((side, side), first, np.uint8)
    row, column = rng.integers(side * 3 // 8, side * 5 // 8, 2)
    mask[:, column:] = second
    mask[row:, column:] = third
    return np.rot90(mask, rng.integers(4)).copy()


def draw(root: Path, paint: object, arrange: object = squares) -> None:
    rng = np.random.default_rng(0)
    for folder in ('images', 'masks'):
        (root / folder).mkdir(parents=True)
    for i in range(12):
        mask = arrange(rng)  # type: ignore[operator]
        image = paint(mask, rng)  # type: ignore[operator]
        order = [2, 1, 0, 3][: image.shape[2]]
        cv2.imwrite(str(root / 'images' / f'{i}.png'), image[..., order])
        Image.fromarray(mask).save(root / 'masks' / f'{i}.png')


def batch_of(cfg: ConfigDict, split: str) -> tuple[Tensor, Tensor]:
    """All samples of a split, normalised, with their labels."""
    dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
    samples = [dataset[i] for i in range(len(dataset))]
    data = {key: [sample[key] for sample in samples] for key in samples[0]}
    batch = MODELS.build(cfg.model.data_preprocessor)(data, training=True)
    labels = torch.cat([sample.gt_sem_seg.data for sample in batch['data_samples']])
    return batch['inputs'].clone(), labels


def learned(cfg: ConfigDict, steps: int = 150) -> float:
    """mIoU in percent on the validation images after a short training."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    np.random.seed(0)
    images, labels = batch_of(cfg, 'train')
    network = nn.Sequential(
        nn.Conv2d(images.shape[1], 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, CLASSES, 1)
    )
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(network(images), labels, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    images, labels = batch_of(cfg, 'val')
    found = network(images).argmax(1)[labels != 255]
    truth = labels[labels != 255]
    scores = [
        ((found == i) & (truth == i)).sum() / ((found == i) | (truth == i)).sum()
        for i in range(CLASSES)
    ]
    return 100 * float(torch.stack(scores).mean())


@pytest.mark.slow
@pytest.mark.parametrize('paint', [low_bits, fourth_band])
def test_what_eight_bits_and_three_bands_lose_is_learned(paint: object, tmp_path: Path) -> None:
    draw(tmp_path / 'own', paint)
    out = tmp_path / 'mine.py'
    assert main(['--data', str(tmp_path / 'own'), '--out', str(out)]) == 0
    cfg = load_config(str(out))
    assert learned(cfg) >= 90
    bands = cfg.model.data_preprocessor
    for split in ('train', 'val'):  # the control: the same as photographs
        cfg[f'{split}_dataloader'].dataset.pipeline[0] = dict(type='mmdeeplab.LoadImage')
    bands.update(mean=(127.5,) * 3, std=(127.5,) * 3, bgr_to_rgb=True)
    assert learned(cfg) < 60


@pytest.mark.slow
def test_the_network_of_the_config_learns_both(tmp_path: Path, tool: Callable) -> None:
    """MobileNetV2 DeepLabv3+ from random weights, by ``train``."""
    draw(tmp_path / 'own', either, areas)
    out, work = tmp_path / 'mine.py', tmp_path / 'work'
    assert main(['--data', str(tmp_path / 'own'), '--out', str(out)]) == 0
    shorter = [f'train_cfg.max_iters={STEPS}', f'train_cfg.val_interval={STEPS}']
    loaders = [
        f'{split}_dataloader.{key}'
        for split in ('train', 'val')
        for key in ('num_workers=0', 'persistent_workers=False')
    ]
    rate = ['optim_wrapper.optimizer.lr=0.004']
    done = tool('train.py', out, '--work-dir', work, '--cfg-options', *shorter, *loaders, *rate)
    assert done.returncode == 0, done.stderr[-2000:]
    assert read_history(work)['mIoU'][-1][1] >= 90
