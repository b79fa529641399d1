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


def read_datumaro(file: Path, document: dict, root: Path, found: Annotations) -> None:
    """Add the pictures of a Datumaro file to ``found``.

    Raises:
        UserError: A value is missing, of a wrong type or doubled, or refers to something missing.
    """
    place = Place(file)
    label = place.value(place.value(document, 'categories', dict), 'label', dict)
    names = [
        place.at(f'label {i}').value(one, 'name', str)
        for i, one in enumerate(place.value(label, 'labels', list))
    ]
    found.add_classes(names)
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
        for i, one in enumerate(where.value(item, 'annotations', list), 1):
            at = where.at(f'annotation {i}')
            kind = at.value(one, 'type', str)
            if kind in NO_AREAS:
                found.leave_out(f'{kind} of Datumaro')
                continue
            objects.append(_object(at, one, kind, names))
        found.images.append(
            AnnotatedImage(
                where.value(image, 'path', str) if image.get('path') else f'{key}.*',
                where,
                where.size(dict(height=size[0], width=size[1])) if size else None,
                tuple(objects),
                folders=tuple(file.parent.parent / 'images' / sub for sub in (file.stem, '')),
                split=split_of(file, root),
            )
        )


def _object(where: Place, one: dict, kind: str, names: list[str]) -> AnnotatedObject:
    label = where.value(one, 'label_id', int)
    if not 0 <= label < len(names):
        raise where.error(f'its label {label} is not among the {len(names)} of the file')
    where = Place(where.file, f'{where.part} ({names[label]})')
    order = where.value(one, 'z_order', int) if one.get('z_order') else 0
    return AnnotatedObject(names[label], _shape(where, one, kind), where.part, order)


def _shape(where: Place, one: dict, kind: str) -> Shape:
    if kind == 'polygon':
        return Polygons((where.ring(where.value(one, 'points', list)),))
    if kind == 'mask':
        return runs_of(where, where.value(one, 'rle', dict))
    if kind == 'bbox':
        box = where.value(one, 'bbox', list)
        x, y, width, height, *_ = where.ring([*box, *box[:2]])
        return Polygons(((x, y, x + width, y, x + width, y + height, x, y + height),))
    raise where.error(f'its type {kind!r} is no polygon, mask or box')
