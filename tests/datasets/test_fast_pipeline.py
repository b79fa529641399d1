"""The fast transforms against what they replace: mmseg's and ours, under the same draws."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from mmcv.transforms import RandomFlip as MMCVRandomFlip
from mmengine.registry import init_default_scope
from mmseg.models import SegDataPreProcessor
from mmseg.registry import TRANSFORMS
from PIL import Image
from scipy.stats import ks_2samp

from mmdeeplab.datasets.transforms.crop import RandomResizeCrop
from mmdeeplab.datasets.transforms.crop_window import is_mixed
from mmdeeplab.datasets.transforms.load import LoadImage
from mmdeeplab.datasets.transforms.pack import RandomFlip
from mmdeeplab.datasets.transforms.photometric import Shift, clear, paler, shift
from mmdeeplab.datasets.transforms.resize import (
    nearest,
    resize_bilinear,
    resize_corner,
    resize_nearest,
)
from mmdeeplab.datasets.transforms.scale import RandomScale
from mmdeeplab.errors import UserError
from mmdeeplab.label_map import histogram
from mmdeeplab.models.cpu_kernels import normalise
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
def test_equals_the_pipeline_of_mmseg(shape: tuple) -> None:
    height, width = shape
    require_equal(
        build(
            dict(type='RandomResize', keep_ratio=True, **SHORT),
            dict(type='RandomCrop', **MIXED),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ),
        build(
            dict(type='mmdeeplab.RandomResizeCrop', **SHORT, **MIXED),
            dict(type='mmdeeplab.RandomFlip', prob=0.5),
            dict(type='mmdeeplab.PhotometricDistortion'),
            dict(type='mmdeeplab.PackTraining'),
        ),
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


def statistics(run: Callable, draws: int) -> np.ndarray:
    """Numbers (draws, 8) that tell of scale, place, labels and colours."""
    rows = []
    for seed in range(draws):
        seed_all(10_000 + seed)
        result = run(sample())
        image, label = result['img'].astype(float), result['gt_seg_map']
        rows.append(
            [
                *(image[..., c].mean() for c in range(3)),
                image.std(),
                image[:8, :8].mean(),  # where the crop begins
                np.abs(np.diff(image.mean(2), axis=0)).mean(),  # how much it was enlarged
                *((label == c).mean() for c in (0, 255)),
            ]
        )
    return np.array(rows)


def steps(exact: bool) -> tuple[dict, ...]:
    colours = dict(type='mmdeeplab.PhotometricDistortion', exact=exact)
    crop = dict(type='mmdeeplab.RandomResizeCrop', exact=exact, **SHORT, **MIXED)
    flip = dict(type='mmdeeplab.RandomFlip', prob=0.5)
    return (crop, flip, colours) if exact else (dict(crop, colours=colours), flip)


def test_the_faster_kind_has_the_same_distribution() -> None:
    exact, fast = (statistics(build(*steps(kind)), 400) for kind in (True, False))
    # the same factors are drawn; the crops' places are drawn among fewer
    chances = [ks_2samp(a, b).pvalue for a, b in zip(exact.T, fast.T, strict=True)]
    assert min(chances) > 0.01
    brighter = fast.copy()
    brighter[:, 0] += 10  # the test can tell
    assert ks_2samp(exact[:, 0], brighter[:, 0]).pvalue < 0.01


@pytest.mark.parametrize('scale', [0.5, 1.0, 2.0])
def test_the_faster_kind_keeps_image_and_mask_together(scale: float) -> None:
    data = sample()
    data['img'] = np.repeat(data['gt_seg_map'][..., None], 3, 2)
    step = dict(scale=(61, 47), ratio_range=(scale, scale), crop_size=(30, 30), exact=False)
    result = build(dict(type='mmdeeplab.RandomResizeCrop', **step))(data)
    assert result['img'].shape[:2] == result['gt_seg_map'].shape
    flat = cv2.erode(result['img'][..., 0], np.ones((5, 5)))
    inside = flat == cv2.dilate(result['img'][..., 0], np.ones((5, 5)))
    assert inside.mean() > 0.1
    assert (flat[inside] == result['gt_seg_map'][inside]).all()


@pytest.mark.parametrize('new', [1, 7, 46, 61, 122, 513])
def test_masks_shrink_and_grow_as_opencv_does(new: int) -> None:
    row = np.arange(61, dtype=np.uint8)[None]
    expected = cv2.resize(row, (new, 1), interpolation=cv2.INTER_NEAREST)[0]
    np.testing.assert_array_equal(nearest(61, new), expected)


def test_a_corner_is_resized_as_the_whole() -> None:
    rng = np.random.default_rng(1)
    smaller = 0
    for number in range(400):
        height, width = rng.integers(1, 300 if number % 2 else 40, 2).tolist()
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        factors = (2, 2) if number % 7 == 0 else rng.uniform(0.3, 2.2, 2)
        if number % 5 == 0:  # a part may then keep its size
            factors = [1 + 2 / side for side in (height, width)]
        size = max(round(height * factors[0]), 1), max(round(width * factors[1]), 1)
        rows, columns = (slice(*sorted(rng.choice(side + 1, 2, False).tolist())) for side in size)
        corner = resize_corner(image, size, (rows, columns))
        smaller += corner.shape[:2] != size
        whole = cv2.resize(image, size[::-1])
        np.testing.assert_array_equal(corner[rows, columns], whole[rows, columns])
    assert smaller > 200


def test_levels_are_shifted_as_in_float32() -> None:
    """Every way against the formula, on all levels in odd numbers, for vectors and their rests."""
    rng = np.random.default_rng(0)
    ways = set()
    for number in range(2000):
        factor, delta = (rng.uniform(0.5, 1.5), 0) if number % 2 else (1, rng.uniform(-32, 32))
        if number % 10 < 2:
            factor, delta = (round(4 * factor) / 4, 0) if number % 2 else (1, round(delta))
        image = rng.permutation(np.arange(256 + number % 37).astype(np.uint8))[None]
        expected = np.clip(image.astype(np.float32) * factor + delta, 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(shift(image, [Shift(factor, delta)]), expected)
        ways.add((factor == 1, clear(factor)))
    assert len(ways) == 3


@pytest.mark.parametrize('factor', [0.5, 0.8, 1.0])
def test_paler_colours_are_those_of_hsv(factor: float) -> None:
    """Against the formulas of HSV in float64."""
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    hsv = rgb_to_hsv(image[..., ::-1] / 255)
    hsv[..., 1] *= factor
    expected = 255 * hsv_to_rgb(hsv)[..., ::-1]
    assert np.abs(paler(image, [Shift(factor)]) - expected).max() < 0.51


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


def test_colours_need_no_whole_crop_only_where_pixels_may_differ() -> None:
    init_default_scope('mmseg')
    colours = dict(type='mmdeeplab.PhotometricDistortion')
    with pytest.raises(ValueError, match='exact=False'):
        RandomResizeCrop(**SHORT, **MIXED, colours=colours)


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
@pytest.mark.parametrize('kernels', [True, False])
def test_a_batch_is_normalised_as_mmseg_does(
    height: int, kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(normalise, 'library', lambda: None)
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
