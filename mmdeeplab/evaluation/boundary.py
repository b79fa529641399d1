"""Boundary IoU of several classes (Cheng et al. 2021, arXiv 2103.16562)."""

import cv2
import numpy as np
import torch
from torch import Tensor

RATIO = 0.02  # of the image's diagonal, section 5


def boundary_counts(
    prediction: Tensor,
    label: Tensor,
    num_classes: int,
    ratio: float = RATIO,
    ignore_index: int = 255,
) -> Tensor:
    """Pixels that the inner boundary regions of truth and prediction share, and hold together.

    The boundary region of a mask is what lies in it within d pixels of its contour, measured as the
    authors' code does (d erosions by a 3x3 square; the edge of the image is a contour), where d is
    ``ratio`` times the diagonal, rounded, at least 1. Each class has its own masks: no class is
    made up, and a pixel counts for the class it has.

    Where the truth is void nobody knows the contour, so there the truth is taken to be what was
    predicted; then void pixels are not counted. A prediction that is right wherever there is a
    label scores 100, and void inside a uniform region makes no contour.

    Args:
        prediction: (H, W) class ids.
        label: (H, W) class ids and void.
        num_classes: C.
        ratio: d as a part of the diagonal.
        ignore_index: Void.

    Returns:
        (2, C) int64: pixels of the intersection and of the union of each class's regions.
    """
    predicted, truth = prediction.cpu().numpy(), label.cpu().numpy()
    counted = truth != ignore_index
    truth = np.where(counted, truth, predicted)
    width = max(round(ratio * float(np.hypot(*truth.shape))), 1)
    counts = torch.zeros(2, num_classes, dtype=torch.int64)
    for c in np.union1d(truth, predicted):
        own, other = inner_boundary(truth == c, width), inner_boundary(predicted == c, width)
        counts[0, c] = int((own & other & counted).sum())
        counts[1, c] = int(((own | other) & counted).sum())
    return counts


def inner_boundary(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels of a mask (H, W) within ``width`` pixels of its outside, in the larger axis."""
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_C, 3)[1:-1, 1:-1]
    return mask & (distance <= width)
