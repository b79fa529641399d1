"""Read Label Studio's JSON: polygons, brushes and boxes of each task, in percent of the picture."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from mmdeeplab.datasets.annotations.coco import runs_of
from mmdeeplab.datasets.annotations.cvat import BOX, CIRCLE, turned
from mmdeeplab.datasets.annotations.model import (
    AnnotatedImage,
    AnnotatedObject,
    Annotations,
    split_of,
)
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.annotations.runs import BrushRuns
from mmdeeplab.datasets.annotations.shapes import Polygons, Shape
from mmdeeplab.fileio.input_files import PICTURE_SUFFIXES

NO_AREAS = (
    'choices', 'labels', 'keypointlabels', 'textarea', 'rating', 'taxonomy', 'relation', 'number',
)  # fmt: skip


def is_label_studio(document: Any) -> bool:
    """Whether a JSON document is a list of Label Studio tasks."""
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and 'data' in first and 'annotations' in first


def read_label_studio(file: Path, document: list, root: Path, annotations: Annotations) -> None:
    """Add the pictures of all finished tasks to ``annotations``.

    If a task has several annotations, the newest is used. Predictions and cancelled annotations are
    not used.

    Raises:
        UserError: A value is missing or of a wrong type, or a task has no picture.
    """
    for number, task in enumerate(document, 1):
        key = task.get('id', number) if isinstance(task, dict) else number
        place = Place(file, f'task {key}')
        name = _picture(place, place.value(task, 'data', dict))
        finished = [
            annotation
            for annotation in place.value(task, 'annotations', list)
            if isinstance(annotation, dict) and not annotation.get('was_cancelled')
        ]
        if not finished:
            annotations.leave_out('tasks without an annotation')
            continue
        if len(finished) > 1:
            annotations.leave_out('older annotations of tasks that have several')
        newest = max(reversed(finished), key=_date)  # of equal or no dates the last
        objects, size = _objects(place, place.value(newest, 'result', list), annotations)
        annotations.add_classes(sorted({annotated.label for annotated in objects}))
        annotations.images.append(
            AnnotatedImage(
                name,
                place,
                size,
                tuple(objects),
                folders=(file.parent,),
                split=split_of(file, root),
            )
        )


def _date(annotation: dict) -> str:
    return str(annotation.get('updated_at') or annotation.get('created_at') or '')


def _picture(place: Place, data: dict) -> str:
    """Name of a task's picture, from ``/data/upload/1/NAME``, ``?d=NAME``, a URL or a path."""
    for value in data.values():
        if not isinstance(value, str):
            continue
        address = urlparse(value)
        local = parse_qs(address.query).get('d')
        is_url = address.scheme or value.startswith('/data/')
        name = local[0] if local else unquote(address.path) if is_url else value
        if PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES:
            return name
    raise place.error('its data names no picture')


def _objects(
    place: Place, results: list, annotations: Annotations
) -> tuple[list[AnnotatedObject], tuple[int, int] | None]:
    objects, size = [], None
    labels_by_id = _labels_by_id(results)
    shapes = {str(r.get('id')) for r in results if isinstance(r, dict) and not _is_label(r)}
    for number, region in enumerate(results, 1):
        where = place.at(
            f'region {region.get("id", number) if isinstance(region, dict) else number}'
        )
        region_type = where.value(region, 'type', str).lower()
        if region_type == 'labels' and str(region.get('id')) in shapes:
            continue
        if region_type in NO_AREAS:
            annotations.leave_out(f'{region_type} of Label Studio')
            continue
        value = where.value(region, 'value', dict)
        labels = (
            value.get(region_type)
            or value.get('labels')
            or labels_by_id.get(str(region.get('id')), [])
        )
        if not isinstance(labels, list) or not labels or not isinstance(labels[0], str):
            raise where.error('it has no label')
        where = Place(where.file, f'{where.part} ({labels[0]})')
        size = where.size(
            dict(height=region.get('original_height'), width=region.get('original_width'))
        )
        objects.append(
            AnnotatedObject(labels[0], _shape(where, region_type, value, size), where.part)
        )
    return objects, size


def _labels_by_id(results: list) -> dict[str, object]:
    """Labels by region, of projects with ``<Labels>`` beside ``<Polygon>``, ``<Brush>``, ..."""
    labels: dict[str, object] = {}
    for region in results:
        value = region.get('value') if isinstance(region, dict) and _is_label(region) else None
        if isinstance(value, dict) and value.get('labels'):
            labels[str(region.get('id'))] = value['labels']
    return labels


def _is_label(region: dict) -> bool:
    """Whether a result only labels: a shape of the same id, or a part of a text."""
    return str(region.get('type')).lower() == 'labels'


def _shape(where: Place, region_type: str, value: dict, size: tuple[int, int]) -> Shape:
    height, width = size
    if region_type in ('polygonlabels', 'polygon'):
        ring = where.pairs(where.value(value, 'points', list))
        scale = (width / 100, height / 100)
        return Polygons((tuple(v * scale[i % 2] for i, v in enumerate(ring)),))
    if region_type in ('brushlabels', 'brush'):
        runs = value.get('rle')
        if isinstance(runs, dict):
            return runs_of(where, runs)
        if not isinstance(runs, list) or not all(
            isinstance(byte, int) and 0 <= byte < 256 for byte in runs
        ):
            raise where.error('its rle is no list of bytes')
        return BrushRuns(bytes(runs), size)
    if region_type in ('rectanglelabels', 'rectangle', 'ellipselabels', 'ellipse'):
        return Polygons((_turned(where, region_type, value, size),))
    raise where.error(f'its type {region_type!r} is no polygon, brush, rectangle or ellipse')


def _turned(
    where: Place, region_type: str, value: dict, size: tuple[int, int]
) -> tuple[float, ...]:
    """Corners of a rectangle, rotated about the first one, or points of an ellipse."""
    scale = dict(x=size[1] / 100, y=size[0] / 100)
    x, y = (where.value(value, key, float) * scale[key] for key in 'xy')
    angle = math.radians(where.value(value, 'rotation', float) if value.get('rotation') else 0)
    if region_type.startswith('ellipse'):
        half = tuple(where.value(value, f'radius{a.upper()}', float) * scale[a] for a in 'xy')
        return turned((x, y), (half[0], half[1]), CIRCLE, angle)
    half_width = where.value(value, 'width', float) * scale['x'] / 2
    half_height = where.value(value, 'height', float) * scale['y'] / 2
    cos, sin = math.cos(angle), math.sin(angle)
    middle = (
        x + half_width * cos - half_height * sin,
        y + half_width * sin + half_height * cos,
    )
    return turned(middle, (half_width, half_height), BOX, angle)
