"""How far scores would move with other images: Bayesian bootstrap over images."""

import numpy as np

from mmdeeplab.evaluation.per_image import ImageCounts
from mmdeeplab.evaluation.scores import MEANS, class_scores, mean_scores

RESAMPLES, LEVEL, SEED = 1000, 0.95, 0


def intervals(images: ImageCounts, resamples: int = RESAMPLES, seed: int = SEED) -> dict:
    """Intervals that hold 95 % of what the scores become when images are weighed anew.

    Each of the N images gets a random weight, from the flat Dirichlet distribution; the weighed
    counts are summed, and the scores follow from the sums (Rubin 1981, "The Bayesian Bootstrap").
    No weight is 0, so the means are taken over the same classes in every draw as in the score
    itself. (Drawing images with replacement loses the rare classes from draw to draw: the interval
    of a mean can then lie beside the mean.) Small sets of images give intervals that are somewhat
    too narrow.

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
    true_positives, ground_truth, predicted = np.moveaxis(resample(images, resamples, seed), 1, 0)
    means = mean_scores(true_positives, ground_truth, predicted)
    iou = class_scores(true_positives, ground_truth, predicted)['IoU']
    return {key: percentile(means[key]) for key in MEANS} | dict(
        per_class=[percentile(iou[:, c]) for c in range(images.num_classes)]
    )


def resample(images: ImageCounts, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Sums of the weighed counts of N images over ``resamples`` draws: (R, 3, C) float64.

    The weights of a draw add up to N; they depend on N and ``seed`` alone.
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


def percentile(values: np.ndarray, level: float = LEVEL) -> list[float] | None:
    """The middle ``level`` of the values that exist: [low, high]."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    tail = 50 * (1 - level)
    return np.percentile(known, [tail, 100 - tail]).tolist()
