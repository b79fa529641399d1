"""The random scale against TensorFlow's definition."""

from collections import Counter

import numpy as np
import pytest
import torch

from mmdeeplab.datasets.transforms.resize import nearest_indices, resize_bilinear
from mmdeeplab.datasets.transforms.scale import RandomScale


def test_the_seven_factors_are_equally_likely() -> None:
    np.random.seed(0)
    scale = RandomScale()
    counts = Counter(scale.draw() for _ in range(7000))
    assert sorted(counts) == [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
    assert all(900 < count < 1100 for count in counts.values())


def test_sizes_round_down_and_mask_follows() -> None:
    scale = RandomScale(0.75, 0.75)
    image = np.zeros((375, 499, 3), np.uint8)
    results = dict(
        img=image, gt_seg_map=image[..., 0], img_shape=(375, 499), seg_fields=['gt_seg_map']
    )
    results = scale.transform(results)
    assert results['img'].shape == (281, 374, 3)
    assert results['gt_seg_map'].shape == results['img_shape'] == (281, 374)


@pytest.mark.parametrize('size', [(20, 30), (37, 80), (64, 17), (1, 1)])
def test_image_is_bilinear_with_aligned_corners(size: tuple) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 33, 3), dtype=np.uint8)
    rows, columns = (np.linspace(0, n - 1, m) for n, m in zip(image.shape, size, strict=False))
    rows, columns = rows[: size[0]], columns[: size[1]]
    exact = image.astype(float)
    for axis, at in ((0, rows), (1, columns)):
        low = np.minimum(at.astype(int), exact.shape[axis] - 1)
        high = np.minimum(low + 1, exact.shape[axis] - 1)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(3)])
        exact = exact.take(low, axis) * (1 - part) + exact.take(high, axis) * part
    assert np.abs(resize_bilinear(image, size) - exact).max() <= 1.0


@pytest.mark.parametrize(('old', 'new'), [(41, 321), (321, 41), (10, 10), (7, 13), (5, 1)])
def test_mask_takes_the_nearest_aligned_label(old: int, new: int) -> None:
    indices = nearest_indices(old, new)
    step = (old - 1) / max(new - 1, 1)
    np.testing.assert_array_equal(indices, np.floor(np.arange(new) * step + 0.5))


def test_a_label_of_321_shrinks_to_every_eighth_pixel() -> None:
    np.testing.assert_array_equal(nearest_indices(321, 41), np.arange(0, 321, 8))


@pytest.mark.parametrize('bad', [dict(minimum=0), dict(minimum=2, maximum=1), dict(step=-1)])
def test_refuses_factors_that_make_no_sense(bad: dict) -> None:
    with pytest.raises(ValueError, match='RandomScale needs'):
        RandomScale(**bad)


def test_scale_one_changes_nothing() -> None:
    image = torch.randint(0, 256, (9, 9, 3), dtype=torch.uint8).numpy()
    results = RandomScale(1.0, 1.0).transform(dict(img=image, img_shape=(9, 9)))
    assert results['img'] is image
