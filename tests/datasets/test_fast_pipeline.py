"""The fast transforms against what they replace: mmseg's and ours, under the same draws."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import RandomFlip as MMCVRandomFlip
from mmengine.registry import init_default_scope
from mmseg.models import SegDataPreProcessor
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmdeeplab.datasets.transforms.crop_window import is_mixed
from mmdeeplab.datasets.transforms.load import LoadImage
from mmdeeplab.datasets.transforms.pack import RandomFlip
from mmdeeplab.datasets.transforms.resize import resize_bilinear, resize_nearest
from mmdeeplab.datasets.transforms.scale import RandomScale
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import histogram
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor
from mmdeeplab.randomness import seed_all

SHORT = dict(scale=(160, 40), ratio_range=(0.5, 2.0))
MIXED = dict(crop_size=(48, 48), cat_max_ratio=0.75)


def build(*steps: dict) -> Callable[[dict], dict]:
    init_default_scope('mmseg')
    transforms = [TRANSFORMS.build(step) for step in steps]

    def run(results: dict) -> dict:
        for transform in transforms:
            results = transform(results)
        return results

    return run


def sample(height: int = 47, width: int = 61, seed: int = 0) -> dict:
    """A photograph-like image, and labels in patches."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), (width, height))
    noise = rng.integers(-20, 20, image.shape)
    patches = rng.choice([0, 0, 0, 1, 2, 255], (5, 5)).astype(np.uint8)
    return dict(
        img=np.clip(image + noise, 0, 255).astype(np.uint8),
        gt_seg_map=cv2.resize(patches, (width, height), interpolation=cv2.INTER_NEAREST),
        img_path='a.jpg',
        seg_map_path='a.png',
        ori_shape=(height, width),
        img_shape=(height, width),
        seg_fields=['gt_seg_map'],
        reduce_zero_label=False,
    )


def require_equal(one: Callable, other: Callable, draws: int = 40, **shape: int) -> None:
    """The same bytes, metadata and state of the generator, draw by draw."""
    for seed in range(draws):
        outcomes, states = [], []
        for run in (one, other):
            seed_all(seed)
            outcomes.append(run(sample(seed=seed, **shape)))
            states.append(np.random.random())
        a, b = outcomes
        assert states[0] == states[1]
        assert torch.equal(a['inputs'], b['inputs'])
        first, second = a['data_samples'], b['data_samples']
        assert torch.equal(first.gt_sem_seg.data, second.gt_sem_seg.data.long())
        assert first.metainfo == second.metainfo


@pytest.mark.parametrize('crop', [(33, 33), (48, 80), (200, 30)])
@pytest.mark.parametrize('cat_max_ratio', [1.0, 0.75])
def test_scale_and_crop_are_one(crop: tuple, cat_max_ratio: float) -> None:
    options = dict(crop_size=crop, cat_max_ratio=cat_max_ratio)
    flips = dict(prob=[0.3, 0.2, 0.2], direction=['horizontal', 'vertical', 'diagonal'])
    require_equal(
        build(
            dict(type='mmdeeplab.RandomScale'),
            dict(type='RandomCrop', **options),
            dict(type='RandomFlip', **flips),
            dict(type='PackSegInputs'),
        ),
        build(
            dict(type='mmdeeplab.RandomScaleCrop', **options),
            dict(type='mmdeeplab.RandomFlip', **flips),
            dict(type='mmdeeplab.PackTraining'),
        ),
    )


@pytest.mark.parametrize('shape', [(47, 61), (90, 33)])
def test_transforms_of_mmseg_stand_beside_ours(shape: tuple) -> None:
    height, width = shape
    theirs = (
        dict(type='RandomResize', keep_ratio=True, **SHORT),
        dict(type='RandomCrop', **MIXED),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion'),
    )
    flip = dict(type='mmdeeplab.RandomFlip', prob=0.5)
    require_equal(
        build(*theirs, dict(type='PackSegInputs')),
        build(*theirs[:2], flip, theirs[3], dict(type='mmdeeplab.PackTraining')),
        draws=100,
        height=height,
        width=width,
    )


def test_files_are_read_as_mmseg_reads_them(tmp_path: Path) -> None:
    drawn = sample()
    paths = dict(img_path=str(tmp_path / 'a.jpg'), seg_map_path=str(tmp_path / 'a.png'))
    Image.fromarray(drawn['img'][..., ::-1].copy()).save(paths['img_path'])
    mask = Image.fromarray(drawn['gt_seg_map'], 'P')
    mask.putpalette([i for i in range(256) for _ in range(3)])
    mask.save(paths['seg_map_path'])
    start = dict(paths, num_classes=3, label_map=None, reduce_zero_label=False)
    found = [
        build(*(dict(type=kind) for kind in kinds))(dict(start, seg_fields=[]))
        for kinds in (
            ('LoadImageFromFile', 'LoadAnnotations'),
            ('mmdeeplab.LoadImage', 'mmdeeplab.LoadMask'),
        )
    ]
    for key in ('img', 'gt_seg_map'):
        np.testing.assert_array_equal(found[0][key], found[1][key])


@pytest.mark.parametrize('size', [(94, 122), (30, 40), (47, 61), (46, 200), (1, 7), (513, 513)])
def test_a_window_is_the_part_of_the_whole(size: tuple) -> None:
    data = sample()
    rng = np.random.default_rng(1)
    wholes = (resize_bilinear(data['img'], size), resize_nearest(data['gt_seg_map'], size))
    for _ in range(20):
        rows, columns = (slice(*sorted(rng.choice(side + 1, 2, replace=False))) for side in size)
        window = (rows, columns)
        parts = (
            resize_bilinear(data['img'], size, window),
            resize_nearest(data['gt_seg_map'], size, window),
        )
        for whole, part in zip(wholes, parts, strict=True):
            np.testing.assert_array_equal(part, whole[window])


@pytest.mark.parametrize(
    'options',
    [
        dict(prob=0.5),
        dict(prob=1.0, direction='vertical'),
        dict(prob=0.9, direction=['horizontal', 'vertical', 'diagonal']),
        dict(prob=[0.3, 0.2], direction=['horizontal', 'diagonal']),
    ],
)
def test_flips_are_drawn_as_mmcv_draws_them(options: dict) -> None:
    theirs, ours = MMCVRandomFlip(**options), RandomFlip(**options)
    for seed in range(500):
        drawn = []
        for transform in (theirs, ours):
            np.random.seed(seed)
            drawn.append((transform._choose_direction(), np.random.random()))
        assert drawn[0] == drawn[1]


def test_a_flip_exchanges_labels_as_mmsegs() -> None:
    options = dict(prob=1.0, swap_seg_labels=[(1, 2), (5, 3)])
    mask = np.random.default_rng(0).integers(0, 7, (9, 11)).astype(np.uint8)
    masks = []
    for name in ('RandomFlip', 'mmdeeplab.RandomFlip'):
        image = np.zeros((9, 11, 3), np.uint8)
        results = dict(img=image, gt_seg_map=mask.copy(), seg_fields=['gt_seg_map'])
        masks.append(build(dict(type=name, **options))(results)['gt_seg_map'])
    np.testing.assert_array_equal(masks[0], masks[1])


def test_decoded_pictures_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    path, cache = tmp_path / 'a.png', tmp_path / 'cache'
    for shade in (10, 200):
        Image.new('RGB', (9 + shade, 5), (shade, 0, 0)).save(path)
        fresh = LoadImage()(dict(img_path=str(path)))['img']
        for _ in range(2):
            kept = LoadImage(cache=str(cache))(dict(img_path=str(path)))['img']
            np.testing.assert_array_equal(kept, fresh)
            assert kept.flags.writeable
    assert len(list(cache.iterdir())) == 2  # and no half-written ones
    path.unlink()
    with pytest.raises(UserError, match='missing'):
        LoadImage(cache=str(cache))(dict(img_path=str(path)))


def test_counts_of_labels() -> None:
    mask = sample()['gt_seg_map']
    labels, counts = np.unique(mask, return_counts=True)
    expected = np.zeros(256, np.int64)
    expected[labels] = counts
    np.testing.assert_array_equal(histogram(mask[:, ::1]), expected)
    np.testing.assert_array_equal(histogram(np.zeros((4096, 4096), np.uint8))[0], 2**24)
    assert not is_mixed(np.full((3, 3), 255, np.uint8), 0.75)


@pytest.mark.parametrize('height', [33, 40])
def test_a_batch_is_normalised_as_mmseg_does(height: int) -> None:
    numbers = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
    batches = []
    for kind, pack in ((SegDataPreProcessor, 'PackSegInputs'), (DeepLabPreprocessor, '')):
        packed = [
            build(dict(type=pack or 'mmdeeplab.PackTraining'))(sample(height, 40, seed))
            for seed in range(3)
        ]
        data = {key: [p[key] for p in packed] for key in packed[0]}
        batch = kind(size=(40, 40), **numbers)(data, training=True)
        label = torch.stack([s.gt_sem_seg.data for s in batch['data_samples']])
        batches.append((batch['inputs'], label))
    (images, labels), (our_images, our_labels) = batches
    assert torch.equal(images, our_images)
    assert our_labels.dtype == torch.int64
    assert torch.equal(labels[..., :height, :], our_labels[..., :height, :])
    assert (our_labels[..., height:, :] == 255).all()


def test_the_layout_in_memory_changes_nothing() -> None:
    data = sample()
    for image in (data['img'][:, ::-1], data['img'][3:20], np.asfortranarray(data['img'])):
        tensor = torch.from_numpy(np.ascontiguousarray(image).transpose(2, 0, 1).copy())[None]
        slow = torch.nn.functional.interpolate(
            tensor, (70, 50), mode='bilinear', align_corners=True
        )
        np.testing.assert_array_equal(
            resize_bilinear(image, (70, 50)), slow[0].permute(1, 2, 0).numpy()
        )
    assert RandomScale(2.0, 2.0)(data)['img'].shape == (94, 122, 3)
