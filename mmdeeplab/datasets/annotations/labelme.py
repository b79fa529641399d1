"""Read labelme's JSON, one file beside each picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mmdeeplab.datasets.annotations.bitmaps import Bitmap
from mmdeeplab.datasets.annotations.model import (
    AnnotatedImage,
    AnnotatedObject,
    Annotations,
    split_of,
)
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.annotations.shapes import PillowPolygon, Shape

NO_AREAS = ('line', 'linestrip', 'point', 'points')


def is_labelme(document: Any) -> bool:
    """Whether a JSON document has labelme's form."""
    return isinstance(document, dict) and {'shapes', 'imagePath'} <= document.keys()


def read_labelme(file: Path, document: dict, root: Path, annotations: Annotations) -> None:
    """Add the picture of a labelme file to ``annotations``.

    Raises:
        UserError: A value is missing or of a wrong type.
    """
    place = Place(file)
    height, width = (document.get(key) for key in ('imageHeight', 'imageWidth'))
    size = (
        None if height is None and width is None else place.size(dict(height=height, width=width))
    )
    objects = []
    for number, shape in enumerate(place.value(document, 'shapes', list), 1):
        where = place.at(f'shape {number}')
        label = where.value(shape, 'label', str)
        shape_type = shape.get('shape_type') or 'polygon'
        if shape_type in NO_AREAS:
            annotations.leave_out(f'{shape_type} of labelme')
            continue
        where = place.at(f'shape {number} ({label})')
        objects.append(AnnotatedObject(label, _shape(where, shape, shape_type), where.part))
        annotations.add_classes([label])
    name = place.value(document, 'imagePath', str)
    split = split_of(file, root)
    annotations.images.append(
        AnnotatedImage(name, place, size, tuple(objects), folders=(file.parent,), split=split)
    )


def _shape(where: Place, shape: dict, shape_type: str) -> Shape:
    points = where.value(shape, 'points', list)
    if shape_type in ('polygon', 'oriented_rectangle'):
        return PillowPolygon(where.pairs(points))
    if shape_type not in ('rectangle', 'circle', 'mask'):
        raise where.error(f'its shape_type {shape_type!r} is not known')
    if len(points) != 2:
        raise where.error(f'a {shape_type} has 2 points, this one {len(points)}')
    x0, y0, x1, y1, *_ = where.pairs([*points, points[0]])
    if shape_type == 'mask':
        return Bitmap(where.value(shape, 'mask', str), (int(x0), int(y0)))
    if shape_type == 'circle':
        radius = math.hypot(x1 - x0, y1 - y0)
        return PillowPolygon((x0 - radius, y0 - radius, x0 + radius, y0 + radius), 'ellipse')
    return PillowPolygon((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), 'rectangle')
