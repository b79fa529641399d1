"""Write predictions as COCO's JSON, with regions as uncompressed RLE, which is exact."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np

from mmdeeplab.inference.annotations.objects import (
    PredictedObject,
    annotated_classes,
    objects_of,
    run_lengths,
)


def coco_text(labels: np.ndarray, classes: Sequence[str], image: str) -> str:
    """The contents of a COCO file for one image.

    Args:
        labels: (H, W) uint8 class ids.
        classes: Names in id order.
        image: Path of the picture as the annotation tool will look for it.
    """
    height, width = labels.shape
    annotations = [
        dict(
            id=number,
            image_id=1,
            category_id=region.label + 1,
            iscrowd=0,
            area=region.area,
            bbox=[region.left, region.top, region.mask.shape[1], region.mask.shape[0]],
            segmentation=dict(size=[height, width], counts=_counts(region, height, width)),
        )
        for number, region in enumerate(objects_of(labels, classes), 1)
    ]
    names = annotated_classes(classes)
    document = dict(
        images=[dict(id=1, file_name=image, width=width, height=height)],
        annotations=annotations,
        categories=[dict(id=i, name=name) for i, name in enumerate(names, 1)],
    )
    return json.dumps(document)


def _counts(region: PredictedObject, height: int, width: int) -> list[int]:
    """The run lengths of a region down the columns of the whole image, as COCO has them."""
    columns = np.zeros((height, region.mask.shape[1]), bool)
    columns[region.top : region.top + region.mask.shape[0]] = region.mask
    counts = run_lengths(columns.ravel(order='F'))
    before = region.left * height
    behind = (width - region.left - region.mask.shape[1]) * height
    tail = [counts[-1] + behind] if len(counts) % 2 else [counts[-1], behind]
    counts[-1:] = tail if tail[-1] else tail[:-1]
    return [counts[0] + before, *counts[1:]]


def joined_coco(texts: Iterable[str]) -> str:
    """Join files from :func:`coco_text` into one; images and annotations get new numbers."""
    images: list[dict] = []
    annotations: list[dict] = []
    categories: list[dict] = []
    for text in texts:
        document = json.loads(text)
        categories = document['categories']
        number = len(images) + 1
        images += [image | dict(id=number) for image in document['images']]
        for annotation in document['annotations']:
            annotations.append(annotation | dict(id=len(annotations) + 1, image_id=number))
    return json.dumps(dict(images=images, annotations=annotations, categories=categories))
