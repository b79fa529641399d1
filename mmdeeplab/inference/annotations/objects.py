"""Find the connected regions of a label map, and describe them by run lengths or outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mmdeeplab.datasets.annotations.class_ids import is_background
from mmdeeplab.label_counts import IGNORE_INDEX


@dataclass(frozen=True)
class PredictedObject:
    """One connected region of a class.

    Attributes:
        label: Index into :func:`annotated_classes`.
        left: Column of the region's left edge in the image.
        top: Row of its upper edge.
        mask: (h, w) bool, the region within its box.
    """

    label: int
    left: int
    top: int
    mask: np.ndarray

    @property
    def area(self) -> int:
        """Number of pixels of the region."""
        return int(self.mask.sum())

    @property
    def polygon(self) -> np.ndarray:
        """Outline of the region: (N, 2) int32, x and y in the image, see :func:`outline`."""
        return outline(self.mask) + np.array([self.left, self.top], np.int32)


def annotated_classes(classes: Sequence[str]) -> list[str]:
    """Names of the classes that are annotated: all but class 0 if it is the background."""
    return list(classes[1:] if is_background(classes[0]) else classes)


def objects_of(labels: np.ndarray, classes: Sequence[str]) -> list[PredictedObject]:
    """Regions of labels (H, W) uint8, those with the largest boxes first: small ones lie on top."""
    first_label = len(classes) - len(annotated_classes(classes))
    objects = []
    for label in np.unique(labels).tolist():
        if label < first_label or label == IGNORE_INDEX:
            continue
        count, regions, stats, _ = cv2.connectedComponentsWithStats(
            (labels == label).astype(np.uint8), connectivity=8
        )
        for number in range(1, count):
            left, top, width, height, _ = stats[number].tolist()
            box = regions[top : top + height, left : left + width]
            objects.append(PredictedObject(label - first_label, left, top, box == number))
    return sorted(objects, key=lambda region: -region.mask.size)


def run_lengths(values: np.ndarray) -> list[int]:
    """Lengths of the runs of False and True, in turn, in a bool array (N,); the first may be 0."""
    changes = np.flatnonzero(np.diff(values, prepend=False)).tolist()
    return np.diff([0, *changes, len(values)]).tolist()


def outline(mask: np.ndarray) -> np.ndarray:
    """The border of a connected region as one polygon.

    The border of a hole is connected to the outline left of it by two coinciding edges, so that the
    hole stays open when the polygon is filled. The points are pixels of the region.

    Args:
        mask: (h, w) bool.

    Returns:
        (N, 2) int32 of x and y, N at least 3. Filled by OpenCV or Pillow, it covers exactly the
        region.
    """
    filled = mask.astype(np.uint8)
    rings, _ = cv2.findContours(filled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outer, *holes = sorted((ring[:, 0] for ring in rings), key=lambda ring: ring[:, 0].min())
    polygon = outer
    for hole in holes:
        polygon = _joined(polygon, hole)
    corners = cv2.approxPolyDP(polygon[:, None], 0, True)[:, 0]
    return corners if len(corners) > 2 else corners[[0, -1, 0]]


def _joined(polygon: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A polygon with a detour round a hole, from the point next to the hole on its left."""
    start = int(hole[:, 0].argmin())
    x, y = hole[start]
    candidates = np.where((polygon[:, 1] == y) & (polygon[:, 0] <= x), polygon[:, 0], -1)
    junction = int(candidates.argmax())
    detour = np.concatenate([hole[start:], hole[: start + 1]])
    return np.concatenate([polygon[: junction + 1], detour, polygon[junction:]])
