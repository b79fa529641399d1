"""Write predictions as labelme's JSON, with regions as polygons."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from mmdeeplab.inference.annotations.objects import annotated_classes, objects_of

VERSION = '5.5.0'
"""The version of labelme that writes such files; newer versions open them."""


def labelme_text(labels: np.ndarray, classes: Sequence[str], image: str) -> str:
    """The contents of the file that labelme keeps beside a picture.

    Args:
        labels: (H, W) uint8 class ids.
        classes: Names in id order.
        image: Path of the picture, relative to the folder of the file.
    """
    names = annotated_classes(classes)
    shapes = [
        dict(
            label=names[region.label],
            points=region.polygon.astype(float).tolist(),
            group_id=None,
            description='',
            shape_type='polygon',
            flags={},
            mask=None,
        )
        for region in objects_of(labels, classes)
    ]
    document = dict(
        version=VERSION,
        flags={},
        shapes=shapes,
        imagePath=image,
        imageData=None,
        imageHeight=labels.shape[0],
        imageWidth=labels.shape[1],
    )
    return json.dumps(document)
