"""Read Supervisely's JSON: ``ann/NAME.jpg.json`` for ``img/NAME.jpg``; classes in ``meta.json``."""

from __future__ import annotations

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
from mmdeeplab.datasets.annotations.shapes import OpenCVPolygon, Shape

NO_AREAS = ('line', 'point', 'graph', 'cuboid')


def is_supervisely(document: Any) -> bool:
    """Whether a JSON document has the form of Supervisely's file for a picture."""
    return (
        isinstance(document, dict)
        and {'size', 'objects'} <= document.keys()
        and isinstance(document['size'], dict)
    )


def is_meta(document: Any) -> bool:
    """Whether a JSON document has the form of Supervisely's ``meta.json``."""
    classes = document.get('classes') if isinstance(document, dict) else None
    return isinstance(classes, list) and all(isinstance(entry, dict) for entry in classes)


def read_meta(file: Path, document: dict, annotations: Annotations) -> None:
    """Put the classes of a project, in its order, before those that were found so far."""
    place = Place(file)
    titles = [place.value(entry, 'title', str) for entry in document['classes']]
    annotations.classes = list(dict.fromkeys([*titles, *annotations.classes]))


def read_supervisely(file: Path, document: dict, root: Path, annotations: Annotations) -> None:
    """Add the picture of a Supervisely file to ``annotations``.

    Raises:
        UserError: A value is missing or of a wrong type.
    """
    place = Place(file)
    objects = []
    for number, item in enumerate(place.value(document, 'objects', list), 1):
        where = place.at(f'object {number}')
        label = where.value(item, 'classTitle', str)
        geometry = where.value(item, 'geometryType', str)
        if geometry in NO_AREAS:
            annotations.leave_out(f'{geometry} of Supervisely')
            continue
        where = place.at(f'object {number} ({label})')
        objects.append(AnnotatedObject(label, _shape(where, item, geometry), where.part))
        annotations.add_classes([label])
    size = place.at('size').size(document['size'])
    folders = (file.parent.parent / 'img', file.parent)
    split = split_of(file, root)
    annotations.images.append(
        AnnotatedImage(file.stem, place, size, tuple(objects), folders=folders, split=split)
    )


def _shape(where: Place, item: dict, geometry: str) -> Shape:
    if geometry == 'bitmap':
        bitmap = where.value(item, 'bitmap', dict)
        origin = where.value(bitmap, 'origin', list)
        if len(origin) != 2 or not all(isinstance(value, int) for value in origin):
            raise where.error(f'the origin of its bitmap is {origin}, not [x, y]')
        return Bitmap(where.value(bitmap, 'data', str), (origin[0], origin[1]))
    points = where.value(item, 'points', dict)
    outer = where.value(points, 'exterior', list)
    if geometry == 'rectangle' and len(outer) == 2:
        x0, y0, x1, y1, *_ = where.pairs([*outer, outer[0]])
        return OpenCVPolygon((x0, y0, x1, y0, x1, y1, x0, y1))
    if geometry != 'polygon':
        raise where.error(f'its type {geometry!r} is no polygon, bitmap or rectangle')
    inner = where.value(points, 'interior', list) if points.get('interior') else []
    holes = tuple(where.pairs(hole) for hole in inner)
    return OpenCVPolygon(where.pairs(outer), holes)
