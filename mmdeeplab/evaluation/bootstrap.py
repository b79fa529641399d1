"""How far scores would move with other images: percentile bootstrap over images."""

import numpy as np

from mmdeeplab.evaluation.per_image import ImageCounts
from mmdeeplab.evaluation.scores import MEANS, class_scores, mean_scores

RESAMPLES, LEVEL, SEED = 1000, 0.95, 0


def intervals(images: ImageCounts, resamples: int = RESAMPLES, seed: int = SEED) -> dict:
    """Intervals that hold 95 % of what the scores become when images are drawn anew.

    N images are drawn from the N with replacement; their counts are summed, exactly, and the scores
    follow from the sums (Efron and Tibshirani 1993, chapter 13). A class that a draw lacks
    altogether has no IoU in it and does not count in its means. Small sets of images give
    intervals that are somewhat too narrow.

    Args:
        images: Counts of N images.
        resamples: Draws.
        seed: Of the draws; N images and one seed give the same draws whatever was measured, so the
            difference of two evaluations can be taken draw by draw (:func:`resample`).

    Returns:
        Each mean's [low, high] in percent, and ``per_class``: a list of C such pairs for the IoU;
        None where fewer than two images were measured or a class never occurs.
    """
    if len(images.paths) < 2:
        return dict.fromkeys(MEANS) | dict(per_class=[None] * images.num_classes)
    hit, labelled, predicted = np.moveaxis(resample(images, resamples, seed), 1, 0)
    means = mean_scores(hit, labelled, predicted)
    iou = class_scores(hit, labelled, predicted)['IoU']
    return {key: percentile(means[key]) for key in MEANS} | dict(
        per_class=[percentile(iou[:, c]) for c in range(images.num_classes)]
    )


def resample(images: ImageCounts, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Sums of the counts over ``resamples`` draws of N images: (R, 3, C) float64, whole numbers."""
    rng = np.random.default_rng(seed)
    number = len(images.paths)
    counts = images.counts.T.astype(float)  # float64 sums of whole numbers are exact below 2^53
    sums = np.empty((resamples, 3, images.num_classes))
    for r in range(resamples):
        times = np.bincount(rng.integers(0, number, number), minlength=number)[images.image]
        for kind in range(3):
            sums[r, kind] = np.bincount(
                images.classes, times * counts[kind], minlength=images.num_classes
            )
    return sums


def percentile(values: np.ndarray, level: float = LEVEL) -> list[float] | None:
    """The middle ``level`` of the values that exist: [low, high]."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    tail = 50 * (1 - level)
    return np.percentile(known, [tail, 100 - tail]).tolist()
