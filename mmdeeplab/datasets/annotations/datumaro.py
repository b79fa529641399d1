"""Read Datumaro's JSON, one file for each subset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdeeplab.datasets.annotations.coco import runs_of
from mmdeeplab.datasets.annotations.model import (
    AnnotatedImage,
    AnnotatedObject,
    Annotations,
    split_of,
)
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.annotations.shapes import Polygons, Shape

NO_AREAS = ('label', 'points', 'polyline', 'caption', 'cuboid_3d', 'skeleton')


def is_datumaro(document: Any) -> bool:
    """Whether a JSON document has Datumaro's form."""
    return isinstance(document, dict) and {'items', 'categories'} <= document.keys()


def read_datumaro(file: Path, document: dict, root: Path, annotations: Annotations) -> None:
    """Add the pictures of a Datumaro file to ``annotations``.

    Raises:
        UserError: A value is missing, of a wrong type or doubled, or refers to something missing.
    """
    place = Place(file)
    labels = place.value(place.value(document, 'categories', dict), 'label', dict)
    names = [
        place.at(f'label {i}').value(label, 'name', str)
        for i, label in enumerate(place.value(labels, 'labels', list))
    ]
    annotations.add_classes(names)
    seen: set[str] = set()
    for number, item in enumerate(place.value(document, 'items', list), 1):
        key = place.at(f'item {number}').value(item, 'id', str)
        where = place.at(f'item {key}')
        if key in seen:
            raise where.error('the id occurs twice among the items')
        seen.add(key)
        image = where.value(item, 'image', dict) if item.get('image') else {}
        size = where.value(image, 'size', list) if image.get('size') else None
        if size and len(size) != 2:
            raise where.error(f'the size of its picture is {size}, not [height, width]')
        objects = []
        for i, annotation in enumerate(where.value(item, 'annotations', list), 1):
            at = where.at(f'annotation {i}')
            shape_type = at.value(annotation, 'type', str)
            if shape_type in NO_AREAS:
                annotations.leave_out(f'{shape_type} of Datumaro')
                continue
            objects.append(_object(at, annotation, shape_type, names))
        annotations.images.append(
            AnnotatedImage(
                where.value(image, 'path', str) if image.get('path') else f'{key}.*',
                where,
                where.size(dict(height=size[0], width=size[1])) if size else None,
                tuple(objects),
                folders=tuple(file.parent.parent / 'images' / sub for sub in (file.stem, '')),
                split=split_of(file, root),
            )
        )


def _object(where: Place, annotation: dict, shape_type: str, names: list[str]) -> AnnotatedObject:
    label = where.value(annotation, 'label_id', int)
    if not 0 <= label < len(names):
        raise where.error(f'its label {label} is not among the {len(names)} of the file')
    where = Place(where.file, f'{where.part} ({names[label]})')
    order = where.value(annotation, 'z_order', int) if annotation.get('z_order') else 0
    return AnnotatedObject(names[label], _shape(where, annotation, shape_type), where.part, order)


def _shape(where: Place, annotation: dict, shape_type: str) -> Shape:
    if shape_type == 'polygon':
        return Polygons((where.ring(where.value(annotation, 'points', list)),))
    if shape_type == 'mask':
        return runs_of(where, where.value(annotation, 'rle', dict))
    if shape_type == 'bbox':
        box = where.value(annotation, 'bbox', list)
        x, y, width, height, *_ = where.ring([*box, *box[:2]])
        return Polygons(((x, y, x + width, y, x + width, y + height, x, y + height),))
    raise where.error(f'its type {shape_type!r} is no polygon, mask or box')
