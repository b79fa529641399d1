"""Predictions as Ultralytics' YOLO labels for segmentation: regions as polygons."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from mmdeeplab.inference.annotations.objects import annotated_classes, objects_of


def yolo_text(labels: np.ndarray, classes: Sequence[str], image: str) -> str:
    """A label file: a line for every region, its class and the corners of its outline.

    Corners are shares of the image's width and height, a quarter of a pixel within each pixel:
    tools that cut them to whole pixels and tools that round them fill the same.

    Args:
        labels: (H, W) uint8 class ids.
        classes: Names in id order.
        image: Not needed: a label file is called like its picture.
    """
    height, width = labels.shape
    lines = []
    for one in objects_of(labels, classes):
        shares = ((one.polygon + 0.25) / [width, height]).ravel()
        lines.append(f'{one.label} ' + ' '.join(f'{share:.7g}' for share in shares) + '\n')
    return ''.join(lines)


def data_yaml(classes: Sequence[str]) -> str:
    """The names of the classes, as Ultralytics' ``data.yaml`` lists them."""
    names = annotated_classes(classes)
    return 'names:\n' + ''.join(f'  {i}: {json.dumps(name)}\n' for i, name in enumerate(names))
