"""Write predictions as Ultralytics' YOLO labels for segmentation, with regions as polygons."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from mmdeeplab.inference.annotations.objects import annotated_classes, objects_of


def yolo_text(labels: np.ndarray, classes: Sequence[str], image: str) -> str:
    """The contents of a label file: for every region a line with its class and its outline.

    Corners are fractions of the image's width and height. They lie a quarter of a pixel inside
    their pixels, so that tools which truncate them and tools which round them fill the same pixels.

    Args:
        labels: (H, W) uint8 class ids.
        classes: Names in id order.
        image: Not used: a label file has the name of its picture.
    """
    height, width = labels.shape
    lines = []
    for region in objects_of(labels, classes):
        shares = ((region.polygon + 0.25) / [width, height]).ravel()
        lines.append(f'{region.label} ' + ' '.join(f'{share:.7g}' for share in shares) + '\n')
    return ''.join(lines)


def data_yaml(classes: Sequence[str]) -> str:
    """The contents of Ultralytics' ``data.yaml``, which names the classes."""
    names = annotated_classes(classes)
    return 'names:\n' + ''.join(
        f'  {i}: {json.dumps(name, ensure_ascii=False)}\n' for i, name in enumerate(names)
    )
