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


def read_labelme(file: Path, document: dict, root: Path, found: Annotations) -> None:
    """Add the picture of a labelme file to ``found``.

    Raises:
        UserError: A value is missing or of a wrong type.
    """
    place = Place(file)
    height, width = (document.get(key) for key in ('imageHeight', 'imageWidth'))
    size = (
        None if height is None and width is None else place.size(dict(height=height, width=width))
    )
    objects = []
    for number, one in enumerate(place.value(document, 'shapes', list), 1):
        where = place.at(f'shape {number}')
        label = where.value(one, 'label', str)
        kind = one.get('shape_type') or 'polygon'
        if kind in NO_AREAS:
            found.leave_out(f'{kind} of labelme')
            continue
        where = place.at(f'shape {number} ({label})')
        objects.append(AnnotatedObject(label, _shape(where, one, kind), where.part))
        found.add_classes([label])
    name = place.value(document, 'imagePath', str)
    split = split_of(file, root)
    found.images.append(
        AnnotatedImage(name, place, size, tuple(objects), folders=(file.parent,), split=split)
    )


def _shape(where: Place, one: dict, kind: str) -> Shape:
    points = where.value(one, 'points', list)
    if kind in ('polygon', 'oriented_rectangle'):
        return PillowPolygon(where.pairs(points))
    if kind not in ('rectangle', 'circle', 'mask'):
        raise where.error(f'its shape_type {kind!r} is not known')
    if len(points) != 2:
        raise where.error(f'a {kind} has 2 points, this one {len(points)}')
    x0, y0, x1, y1, *_ = where.pairs([*points, points[0]])
    if kind == 'mask':
        return Bitmap(where.value(one, 'mask', str), (int(x0), int(y0)))
    if kind == 'circle':
        radius = math.hypot(x1 - x0, y1 - y0)
        return PillowPolygon((x0 - radius, y0 - radius, x0 + radius, y0 + radius), 'ellipse')
    return PillowPolygon((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), 'rectangle')
