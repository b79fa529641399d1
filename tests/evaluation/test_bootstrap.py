"""Intervals against a slow, direct bootstrap, and against the truth of a simulation."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from mmdeeplab.evaluation.bootstrap import intervals
from mmdeeplab.evaluation.per_image import ImageCounts, ImageStore, short_names

CLASSES = 4


def matrices(rng: np.random.Generator, images: int) -> np.ndarray:
    """Confusion matrices (N, C, C); the last class is rare, each image has its own quality."""
    found = rng.integers(0, 40, (images, CLASSES, CLASSES))
    right = rng.integers(0, 400, (images, 1)) * np.array([4, 2, 1, 1])
    found[:, range(CLASSES), range(CLASSES)] += right
    rare = rng.random(images) < 0.7
    found[rare, -1] = found[rare, :, -1] = 0
    return found


def collected(found: np.ndarray) -> ImageCounts:
    store = ImageStore()
    for i, matrix in enumerate(found):
        store.add(f'dir/{i:04}.jpg', torch.from_numpy(matrix))
    return store.gather(CLASSES)


def mean_iou(matrix: np.ndarray) -> tuple[float, list[float]]:
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    iou = [100 * h / u if u else np.nan for h, u in zip(matrix.diagonal(), union, strict=True)]
    return float(np.nanmean(iou)), iou


def test_equals_a_slow_bootstrap() -> None:
    found = matrices(np.random.default_rng(1), 23)
    ours = intervals(collected(found), resamples=200, seed=7)
    rng, draws, of_class = np.random.default_rng(7), [], []
    for _ in range(200):
        weights = rng.standard_exponential(23)
        mean, iou = mean_iou(sum(w * m for w, m in zip(weights, found, strict=True)))
        draws.append(mean)
        of_class.append(iou)
    score, iou = mean_iou(found.sum(0))
    assert ours['mIoU'] == pytest.approx(
        [score - 1.96 * np.std(draws), score + 1.96 * np.std(draws)]
    )
    for c in range(CLASSES):
        spread = 1.96 * np.std([draw[c] for draw in of_class if not np.isnan(draw[c])])
        assert ours['per_class'][c] == pytest.approx([iou[c] - spread, iou[c] + spread])


def test_one_seed_gives_one_answer() -> None:
    images = collected(matrices(np.random.default_rng(2), 9))
    assert intervals(images) == intervals(images)
    assert intervals(images, seed=1) != intervals(images)


def test_one_image_has_no_interval() -> None:
    found = intervals(collected(matrices(np.random.default_rng(0), 1)))
    assert found['mIoU'] is None
    assert found['per_class'] == [None] * CLASSES


def test_a_class_that_never_occurs_has_no_interval() -> None:
    found = matrices(np.random.default_rng(0), 6)
    found[:, 2] = found[:, :, 2] = 0
    per_class = intervals(collected(found), 50)['per_class']
    assert per_class[2] is None
    assert all(per_class[c] for c in (0, 1))


def test_an_interval_holds_its_own_score() -> None:
    """Nineteen of twenty classes are predicted in one image each and never labelled: IoU 0."""
    classes = 20
    store, total = ImageStore(), np.zeros((classes, classes))
    for i in range(classes):
        matrix = np.zeros((classes, classes), int)
        matrix[0, 0], matrix[0, i] = 1000 + 10 * i, 1000 if i == 0 else 200
        total += matrix
        store.add(f'{i:04}.jpg', torch.from_numpy(matrix))
    low, high = intervals(store.gather(classes), resamples=200)['mIoU']
    assert low <= mean_iou(total)[0] <= high


def rare(rng: np.random.Generator, images: int, share: float) -> np.ndarray:
    """Confusion matrices (N, C, C): each class but the first is in this share of the images.

    Some images show a class that is not there.
    """
    found = rng.integers(0, 30, (images, CLASSES, CLASSES))
    found[:, range(CLASSES), range(CLASSES)] += rng.integers(0, 600, (images, CLASSES))
    there = rng.random((images, CLASSES)) < share
    there[:, 0] = True
    seen = there | (rng.random((images, CLASSES)) < 0.2)
    return found * there[:, :, None] * seen[:, None]


@pytest.mark.parametrize(
    ('world', 'images'),
    [(matrices, 60), (partial(rare, share=0.06), 160), (partial(rare, share=0.2), 60)],
    ids=['one class rare', 'ten images a class', 'twelve images a class'],
)
def test_intervals_cover_the_truth(world: Callable[..., np.ndarray], images: int) -> None:
    """95 % of them, less what few images cost; the classes are those that the images show."""
    truth = np.array(mean_iou(world(np.random.default_rng(0), 20_000).sum(0))[1])
    rng, trials, covered = np.random.default_rng(5), 150, 0
    for _ in range(trials):
        found = world(rng, images)
        there = ~np.isnan(mean_iou(found.sum(0))[1])
        low, high = intervals(collected(found), resamples=60)['mIoU']
        covered += low <= truth[there].mean() <= high
    assert 0.89 <= covered / trials <= 0.99


def test_images_are_reported_by_their_own_classes() -> None:
    matrix = np.zeros((CLASSES, CLASSES), np.int64)
    matrix[:2, :2] = [[6, 2], [1, 3]]
    (row,) = collected(matrix[None]).report()
    assert row['id'] == '0000'
    assert row['mIoU'] == pytest.approx((100 * 6 / 9 + 50) / 2)
    assert row['aAcc'] == 75
    assert row['counts'] == {'0': [6, 8, 7], '1': [3, 4, 5]}


@pytest.mark.parametrize(
    ('paths', 'names'),
    [
        (['/a/b/x.jpg', '/a/b/y.png'], ['x', 'y']),
        (['/a/b/x.jpg', '/a/c/x.jpg'], ['b/x', 'c/x']),
        (['/a/b/x.jpg'], ['x']),
        (['image 0', 'image 1'], ['image 0', 'image 1']),
        ([], []),
    ],
)
def test_names(paths: list, names: list) -> None:
    assert short_names(paths) == names
