"""Boundary IoU of several classes (Cheng et al. 2021, arXiv 2103.16562)."""

import cv2
import numpy as np
import torch
from torch import Tensor

from mmdeeplab.label_counts import IGNORE_INDEX

RATIO = 0.02  # of the image's diagonal, section 5


def boundary_counts(
    prediction: Tensor,
    label: Tensor,
    num_classes: int,
    ratio: float = RATIO,
    ignore_index: int = IGNORE_INDEX,
) -> Tensor:
    """Intersection and union of the boundary regions of ground truth and prediction, in pixels.

    The boundary region of a mask are its pixels within d pixels of its contour, measured as in the
    authors' code (d erosions by a 3x3 square; the edge of the image is a contour). d is ``ratio``
    times the image's diagonal, rounded, at least 1. Each class has its own masks.

    At void pixels the true contour is unknown, so there the prediction is taken as the truth, and
    the void pixels themselves are not counted. So a prediction that is right at all labelled pixels
    scores 100, and void inside a uniform region makes no contour.

    Args:
        prediction: (H, W) class ids.
        label: (H, W) class ids and void.
        num_classes: C.
        ratio: d as a fraction of the diagonal.
        ignore_index: The id of void.

    Returns:
        (2, C) int64: pixels of the intersection and of the union of each class's regions.
    """
    predicted, truth = prediction.cpu().numpy(), label.cpu().numpy()
    counted = truth != ignore_index
    truth = np.where(counted, truth, predicted)
    width = max(round(ratio * float(np.hypot(*truth.shape))), 1)
    counts = torch.zeros(2, num_classes, dtype=torch.int64)
    for c in np.union1d(truth, predicted):
        true_region = inner_boundary(truth == c, width)
        predicted_region = inner_boundary(predicted == c, width)
        counts[0, c] = int((true_region & predicted_region & counted).sum())
        counts[1, c] = int(((true_region | predicted_region) & counted).sum())
    return counts


def inner_boundary(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels of a mask (H, W) within ``width`` rows and columns of a pixel outside it."""
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_C, 3)[1:-1, 1:-1]
    return mask & (distance <= width)
