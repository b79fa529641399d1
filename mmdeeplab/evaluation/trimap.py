"""Trimaps: narrow bands around the borders of the ground truth (DeepLabv3+, section 4.4)."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from mmdeeplab.label_counts import IGNORE_INDEX


def border_distance(label: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the nearest pixel with another label.

    Void counts as a label here: if objects have a void outline, as in VOC, it is the distance to
    void; where two classes touch, it is the distance to the other class. The edge of the image is
    not a border.

    Args:
        label: (H, W) ids, void included.

    Returns:
        (H, W) float32, the Euclidean distance between centres of pixels: 1 beside a border, and
        infinite if the whole image has one label.
    """
    distance = np.full(label.shape, np.inf, np.float32)
    values = np.unique(label)
    if len(values) == 1:
        return distance
    for value in values:
        mask = label == value
        # exact, unlike the default 5x5 mask: a band must not depend on its angle
        to_other = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        distance[mask] = to_other[mask]
    return distance


def band_labels(
    label: Tensor, widths: Sequence[int], ignore_index: int = IGNORE_INDEX
) -> list[Tensor]:
    """The labels within bands around the borders; pixels outside the band become void.

    The band of width w has every labelled pixel with another label, or void, within w pixels
    (:func:`border_distance`). The paper dilates VOC's void outlines instead, which gives the same
    pixels wherever classes meet only at void.

    Args:
        label: (H, W) class ids and void.
        widths: Widths of the bands in pixels.
        ignore_index: The id of void.

    Returns:
        For each width a tensor (H, W) of the type and on the device of ``label``.
    """
    distance = torch.from_numpy(border_distance(label.cpu().numpy())).to(label.device)
    return [torch.where(distance <= width, label, ignore_index) for width in widths]
