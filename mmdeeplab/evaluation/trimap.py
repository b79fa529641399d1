"""Trimaps: narrow bands around the borders of the ground truth (DeepLabv3+, section 4.4)."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor


def border_distance(label: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the nearest pixel that carries another label.

    Void is a label like any other here. Where objects have a void outline, as in VOC, this is the
    distance to void; where two classes touch, it is the distance to the other class. The edge of
    the image is no border.

    Args:
        label: (H, W) ids, void included.

    Returns:
        (H, W) float32, Euclidean, centre to centre: 1 beside a border; infinite where the whole
        image has one label.
    """
    distance = np.full(label.shape, np.inf, np.float32)
    values = np.unique(label)
    if len(values) == 1:
        return distance
    for value in values:
        own = label == value
        # exact, unlike the default 5x5 mask: a band must not depend on its angle
        to_other = cv2.distanceTransform(own.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        distance[own] = to_other[own]
    return distance


def band_labels(label: Tensor, widths: Sequence[int], ignore_index: int = 255) -> list[Tensor]:
    """The labels within each band; what lies outside becomes void.

    The band of width w holds every pixel that is not void and has a pixel of another label, or of
    void, within w pixels (:func:`border_distance`). The paper dilates the void outlines of VOC;
    that is the same set of pixels wherever classes meet at void only.

    Args:
        label: (H, W) class ids and void.
        widths: Widths in pixels.
        ignore_index: Void.

    Returns:
        One (H, W) tensor a width, of the type and on the device of ``label``.
    """
    distance = torch.from_numpy(border_distance(label.cpu().numpy())).to(label.device)
    return [torch.where(distance <= width, label, ignore_index) for width in widths]
