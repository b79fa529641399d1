"""Confidence intervals of scores, by a Bayesian bootstrap over the images."""

import numpy as np

from mmdeeplab.evaluation.per_image import ImageCounts
from mmdeeplab.evaluation.scores import MEANS, class_scores, mean_scores

RESAMPLES, SEED = 1000, 0
DEVIATIONS = 1.96  # standard deviations around a normal variable that hold 95 %


def intervals(images: ImageCounts, resamples: int = RESAMPLES, seed: int = SEED) -> dict:
    """95 % confidence intervals of the scores, which tell how much they depend on the images.

    In each draw, every one of the N images gets a random weight from the flat Dirichlet
    distribution; the weighted counts are summed, and the scores are computed from the sums (Rubin
    1981, "The Bayesian Bootstrap"). No weight is 0, so that the means are over the same classes in
    every draw. An interval reaches 1.96 standard deviations of the draws to either side of the
    score (:func:`around`). The middle 95 % of the draws would contain the true score too rarely for
    rare classes: an IoU is smaller on average if there are few images, and draws add this effect a
    second time.

    Args:
        images: Counts of N images.
        resamples: Number of draws.
        seed: Seed of the draws. N images with the same seed get the same draws in any evaluation,
            so that the difference of two evaluations can be taken in each draw (:func:`resample`).

    Returns:
        [low, high] in percent for each mean, and ``per_class``, a list of C such pairs for the IoU.
        None stands for fewer than two images, or a class that never occurs.
    """
    if len(images.paths) < 2:
        return dict.fromkeys(MEANS) | dict(per_class=[None] * images.num_classes)
    drawn = np.moveaxis(resample(images, resamples, seed), 1, 0)
    means, iou = mean_scores(*drawn), class_scores(*drawn)['IoU']
    exact = image_sums(images)
    scores, of_class = mean_scores(*exact), class_scores(*exact)['IoU']
    return {key: within_percent(around(float(scores[key]), means[key])) for key in MEANS} | dict(
        per_class=[
            within_percent(around(of_class[c], iou[:, c])) for c in range(images.num_classes)
        ]
    )


def image_sums(images: ImageCounts) -> np.ndarray:
    """The counts summed over all images, (3, C) float64."""
    return np.stack(
        [
            np.bincount(images.classes, row, minlength=images.num_classes)
            for row in images.counts.T.astype(float)
        ]
    )


def resample(images: ImageCounts, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Sums of the weighted counts of N images in each of R draws: (R, 3, C) float64.

    The weights of a draw add up to N; they depend only on N and ``seed``.
    """
    rng = np.random.default_rng(seed)
    counts = images.counts.T.astype(float)
    sums = np.empty((resamples, 3, images.num_classes))
    for r in range(resamples):
        weights = rng.standard_exponential(len(images.paths))
        weights = (weights / weights.mean())[images.image]
        for row in range(3):
            sums[r, row] = np.bincount(
                images.classes, weights * counts[row], minlength=images.num_classes
            )
    return sums


def around(value: float, draws: np.ndarray) -> list[float] | None:
    """The 95 % interval [low, high] of a value, from its draws (R,); None if it has none."""
    finite = draws[np.isfinite(draws)]
    if not finite.size or not np.isfinite(value):
        return None
    reach = DEVIATIONS * float(finite.std())
    return [float(value) - reach, float(value) + reach]


def within_percent(interval: list[float] | None) -> list[float] | None:
    """The part of an interval between 0 and 100."""
    return interval and [max(interval[0], 0.0), min(interval[1], 100.0)]
