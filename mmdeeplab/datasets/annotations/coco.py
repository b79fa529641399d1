"""COCO's JSON for instances: polygons, RLE and crowds. Roboflow, CVAT and many others write it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from mmdeeplab.datasets.annotations.model import (
    BELOW,
    AnnotatedImage,
    AnnotatedObject,
    Annotations,
    split_of,
)
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.annotations.runs import ColumnRuns
from mmdeeplab.datasets.annotations.shapes import Polygons, Shape


def is_coco(document: Any) -> bool:
    """Whether a JSON document has COCO's form, whatever its annotations are."""
    return isinstance(document, dict) and {'images', 'annotations'} <= document.keys()


def has_areas(document: dict) -> bool:
    """Whether some annotation has a segmentation (captions have none), or none exists at all."""
    annotations = document['annotations']
    if not isinstance(annotations, list) or not annotations:
        return True
    return any(isinstance(each, dict) and each.get('segmentation') for each in annotations)


def read_coco(file: Path, document: dict, root: Path, annotations: Annotations) -> None:
    """Add the images of a COCO file to ``annotations``.

    Raises:
        UserError: A value is missing, of a wrong type or doubled, or refers to something missing.
    """
    place = Place(file)
    names = _categories(place, document)
    annotations.add_classes(list(names.values()))
    objects: dict[int, list[AnnotatedObject]] = defaultdict(list)
    images: dict[int, dict] = {}
    for number, image in enumerate(place.value(document, 'images', list), 1):
        where = place.at(f'image {number}')
        key = where.value(image, 'id', int)
        if key in images:
            raise where.error(f'the id {key} occurs twice among the images')
        images[key] = image
    seen: set[str] = set()
    for number, annotation in enumerate(place.value(document, 'annotations', list), 1):
        name = f'no. {number}'
        if isinstance(annotation, dict):
            name = str(annotation.get('id', name))
        where = place.at(f'annotation {name}')
        if name in seen:
            raise where.error('the id occurs twice among the annotations')
        seen.add(name)
        image_id = where.value(annotation, 'image_id', int)
        if image_id not in images:
            raise where.error(f'it belongs to the image {image_id}, which is not in the file')
        if _is_empty(annotation.get('segmentation')):
            annotations.leave_out('objects of COCO with an empty outline')
        else:
            objects[image_id].append(_object(where, annotation, names))
    for key, image in images.items():
        where = place.at(f'image {key}')
        annotations.images.append(
            AnnotatedImage(
                where.value(image, 'file_name', str),
                where,
                where.size(image),
                tuple(objects[key]),
                folders=(file.parent,),
                split=split_of(file, root),
            )
        )


def _categories(place: Place, document: dict) -> dict[int, str]:
    """Names of categories by id, in the order of ids, without Roboflow's top-level category."""
    names: dict[int, str] = {}
    parents: dict[str, object] = {}  # names of supercategories by name
    for number, category in enumerate(place.value(document, 'categories', list), 1):
        where = place.at(f'category {number}')
        key = where.value(category, 'id', int)
        if key in names:
            raise where.error(f'the id {key} occurs twice among the categories')
        names[key] = where.value(category, 'name', str)
        parents[names[key]] = category.get('supercategory')
    annotations = place.value(document, 'annotations', list)
    used = {str(a.get('category_id')) for a in annotations if isinstance(a, dict)}
    # COCO's own "person" has the supercategory "person", and is a class.
    roots = {name for name in parents if name in parents.values() and parents[name] != name}
    return {
        key: name for key, name in sorted(names.items()) if str(key) in used or name not in roots
    }


def _object(where: Place, annotation: dict, names: dict[int, str]) -> AnnotatedObject:
    category = where.value(annotation, 'category_id', int)
    if category not in names:
        raise where.error(f'its category {category} is not among those of the file')
    crowd = annotation.get('iscrowd', 0) not in (0, None, False)
    part = f'{where.part} ({names[category]})'
    return AnnotatedObject(names[category], _shape(where, annotation), part, BELOW if crowd else 0)


def _is_empty(region: object) -> bool:
    """Whether an object has polygons, but none with a point, as after all were erased."""
    return isinstance(region, list) and bool(region) and all(ring == [] for ring in region)


def _shape(where: Place, annotation: dict) -> Shape:
    region = annotation.get('segmentation')
    if isinstance(region, list) and region:
        if not all(isinstance(ring, list) for ring in region):
            raise where.error('its segmentation is no list of polygons')
        return Polygons(tuple(where.ring(ring) for ring in region if ring))
    if isinstance(region, dict):
        return runs_of(where, region)
    raise where.error('it has no segmentation, only a box: a network for masks needs the outline')


def runs_of(where: Place, region: dict) -> ColumnRuns:
    """Read COCO's RLE, ``dict(size=[h, w], counts=...)``.

    Raises:
        UserError: ``size`` or ``counts`` is of another form.
    """
    size, counts = where.value(region, 'size', list), region.get('counts')
    if len(size) != 2 or not all(isinstance(side, int) for side in size):
        raise where.error(f'the size of its RLE is {size}, not [height, width]')
    if isinstance(counts, list) and all(isinstance(run, int) for run in counts):
        return ColumnRuns(tuple(counts), (size[0], size[1]))
    if isinstance(counts, str):
        return ColumnRuns(counts, (size[0], size[1]))
    raise where.error('its RLE has no counts')
