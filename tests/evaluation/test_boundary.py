"""Boundary IoU against its definition, pixel by pixel."""

import numpy as np
import pytest
import torch
from test_trimap import blobs, sample

from mmdeeplab.evaluation.boundary import boundary_counts, inner_boundary
from mmdeeplab.evaluation.metric import SegMetric

NAMES = ('sky', 'road', 'car')


def slow_region(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels of the mask that have something else, or the image's edge, within a square."""
    found = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        ys, xs = np.arange(y - width, y + width + 1), np.arange(x - width, x + width + 1)
        if min(ys[0], xs[0]) < 0 or ys[-1] >= mask.shape[0] or xs[-1] >= mask.shape[1]:
            found[y, x] = True
        else:
            found[y, x] = not mask[np.ix_(ys, xs)].all()
    return found


def slow_counts(prediction: np.ndarray, label: np.ndarray, ratio: float) -> list:
    width = max(round(ratio * np.hypot(*label.shape)), 1)
    truth = np.where(label == 255, prediction, label)
    rows: list[list[int]] = [[], []]
    for c in range(3):
        own, other = slow_region(truth == c, width), slow_region(prediction == c, width)
        rows[0].append(int((own & other & (label != 255)).sum()))
        rows[1].append(int(((own | other) & (label != 255)).sum()))
    return rows


def noisy(label: np.ndarray, seed: int) -> np.ndarray:
    shifted = np.roll(np.where(label == 255, 0, label), (seed % 3, 2), (0, 1))
    return shifted.astype(np.int64)


@pytest.mark.parametrize('ratio', [0.02, 0.06, 0.12])
@pytest.mark.parametrize('seed', range(3))
def test_equals_the_definition(seed: int, ratio: float) -> None:
    label = blobs(seed)
    prediction = noisy(label, seed)
    ours = boundary_counts(torch.from_numpy(prediction), torch.from_numpy(label), 3, ratio)
    assert ours.tolist() == slow_counts(prediction, label, ratio)
    assert 0 < ours[0].sum() < ours[1].sum()


def test_region_equals_repeated_erosion() -> None:
    """As the authors do it: what d erosions by a 3x3 square take away."""
    mask = blobs(3) != 0
    left = np.pad(mask, 1)
    for _ in range(3):
        left = np.pad(left, 1)
        shifts = [
            left[y : y + left.shape[0] - 2, x : x + left.shape[1] - 2]
            for y in range(3)
            for x in range(3)
        ]
        left = np.logical_and.reduce(shifts)
    np.testing.assert_array_equal(inner_boundary(mask, 3), mask & ~left[1:-1, 1:-1])


def test_right_wherever_there_is_a_label_is_100() -> None:
    label = blobs(0)
    assert (label == 255).any()
    prediction = np.where(label == 255, 2, label).astype(np.int64)
    inner, outer = boundary_counts(torch.from_numpy(prediction), torch.from_numpy(label), 3)
    assert torch.equal(inner, outer)


def test_void_inside_a_region_is_no_contour() -> None:
    label = torch.zeros(21, 21, dtype=torch.uint8)
    label[9:12, 9:12] = 255
    _, union = boundary_counts(torch.zeros(21, 21, dtype=torch.int64), label, 3, 0.02)
    assert union.tolist() == [4 * 20, 0, 0]  # the edge of the image alone


def test_a_shift_costs_more_at_the_boundary_than_inside() -> None:
    label = np.zeros((60, 60), np.uint8)
    label[15:45, 15:45] = 1
    prediction = np.roll(label, 2, 1).astype(np.int64)
    metric = SegMetric(boundary=True)
    metric.dataset_meta = dict(classes=NAMES)
    metric.process({}, [sample(prediction, label)])
    metric.evaluate(1)
    result = metric.result.boundary_iou
    assert result['ratio'] == 0.02
    assert result['per_class']['road'] < metric.result.per_class['road']['IoU']
    assert result['per_class']['car'] is None
    known = [value for value in result['per_class'].values() if value is not None]
    assert result['mean'] == pytest.approx(np.mean(known))


def test_ratio_is_a_part() -> None:
    with pytest.raises(ValueError, match=r'boundary .* 1\.5'):
        SegMetric(boundary=1.5)
