"""Bands around borders against a search over all pairs of pixels."""

import numpy as np
import pytest
import torch

from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.evaluation.scores import scores
from mmdeeplab.evaluation.trimap import band_labels, border_distance

WIDTHS = (1, 2, 4, 8)
NAMES = ('sky', 'road', 'car')


def blobs(seed: int, height: int = 31, width: int = 24) -> np.ndarray:
    """Rectangles of three classes, some outlined by void, some touching."""
    rng = np.random.default_rng(seed)
    label = np.zeros((height, width), np.uint8)
    for outlined in (True, False, True):
        top, left = rng.integers(0, height - 8), rng.integers(0, width - 8)
        bottom, right = top + rng.integers(3, 14), left + rng.integers(3, 14)
        if outlined:
            label[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = 255
        label[top:bottom, left:right] = rng.integers(1, 3)
    return label


def brute_force(label: np.ndarray) -> np.ndarray:
    """Squared distance of every pixel to the nearest one of another label, pair by pair."""
    ys, xs = (axis.ravel() for axis in np.indices(label.shape))
    squared = (ys[:, None] - ys) ** 2 + (xs[:, None] - xs) ** 2
    other = label.ravel()[:, None] != label.ravel()
    return np.where(other, squared, np.iinfo(np.int64).max).min(1).reshape(label.shape)


@pytest.mark.parametrize('seed', range(5))
def test_distance_equals_a_search_over_all_pairs(seed: int) -> None:
    label = blobs(seed)
    squared = border_distance(label).astype(np.float64) ** 2
    np.testing.assert_array_equal(squared.round(), brute_force(label))


@pytest.mark.parametrize('seed', range(5))
def test_bands_hold_what_lies_within_their_width(seed: int) -> None:
    label = blobs(seed)
    squared = brute_force(label)
    bands = band_labels(torch.from_numpy(label), WIDTHS)
    sizes = []
    for width, band in zip(WIDTHS, bands, strict=True):
        assert band.dtype == torch.uint8
        inside = (squared <= width**2) & (label != 255)
        np.testing.assert_array_equal(band.numpy(), np.where(inside, label, 255))
        sizes.append(int(inside.sum()))
    assert 0 < sizes[0] < sizes[1] < sizes[2]


def test_wide_bands_up_to_40_pixels() -> None:
    label = blobs(1, 70, 66)
    squared = brute_force(label)
    sizes = []
    for width, band in enumerate(band_labels(torch.from_numpy(label), range(1, 41)), 1):
        inside = (squared <= width**2) & (label != 255)
        np.testing.assert_array_equal(band.numpy(), np.where(inside, label, 255))
        sizes.append(int(inside.sum()))
    assert len(sizes) == 40
    assert sizes[19] < sizes[39] <= int((label != 255).sum())


def test_a_straight_border_by_hand() -> None:
    """Void in column 4: w pixels on either side."""
    label = torch.zeros(5, 9, dtype=torch.uint8)
    label[:, 5:] = 1
    label[:, 4] = 255
    for width, band in zip((1, 2), band_labels(label, (1, 2)), strict=True):
        columns = (band != 255).all(0).nonzero().flatten().tolist()
        assert columns == [*range(4 - width, 4), *range(5, 5 + width)]


@pytest.mark.parametrize('value', [0, 255])
def test_an_image_of_one_label_has_no_band(value: int) -> None:
    label = torch.full((6, 7), value, dtype=torch.uint8)
    assert all((band == 255).all() for band in band_labels(label, WIDTHS))


def sample(prediction: np.ndarray, label: np.ndarray) -> dict:
    return dict(
        pred_sem_seg=dict(data=torch.from_numpy(prediction)[None]),
        gt_sem_seg=dict(data=torch.from_numpy(label)[None]),
    )


def test_the_metric_sums_bands_over_images() -> None:
    rng = np.random.default_rng(0)
    labels = [blobs(seed) for seed in range(4)]
    predictions = [rng.integers(0, 3, label.shape) for label in labels]
    metric = SegMetric(trimap=WIDTHS)
    metric.dataset_meta = dict(classes=NAMES)
    for pair in zip(predictions, labels, strict=True):
        metric.process({}, [sample(*pair)])
    means = metric.evaluate(4)
    assert set(means) == {'mIoU', 'mAcc', 'aAcc', 'fwIoU'}
    assert list(metric.result.trimap) == ['1', '2', '4', '8']
    for width in (*WIDTHS, 10**4):
        matrix = np.zeros((3, 3), np.int64)
        for prediction, label in zip(predictions, labels, strict=True):
            inside = (brute_force(label) <= width**2) & (label != 255)
            np.add.at(matrix, (label[inside], prediction[inside]), 1)
        ours = metric.result.trimap.get(str(width), metric.result.means['mIoU'])
        assert ours == pytest.approx(scores(matrix, NAMES)['mIoU'])


def test_without_widths_nothing_changes() -> None:
    metric = SegMetric()
    metric.dataset_meta = dict(classes=NAMES)
    metric.process({}, [sample(np.zeros((2, 2), np.int64), np.zeros((2, 2), np.uint8))])
    assert metric.evaluate(1)['mIoU'] == 100
    assert 'trimap' not in metric.result.as_dict()


def test_widths_are_at_least_one_pixel() -> None:
    with pytest.raises(ValueError, match=r'\(0, 2\)'):
        SegMetric(trimap=(0, 2))
