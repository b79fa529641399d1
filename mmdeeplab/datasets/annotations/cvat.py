"""Read CVAT's XML for images, version 1.1."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element

from mmdeeplab.datasets.annotations.model import (
    AnnotatedImage,
    AnnotatedObject,
    Annotations,
    split_of,
)
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.annotations.runs import RowRuns
from mmdeeplab.datasets.annotations.shapes import Polygons, Shape
from mmdeeplab.errors import did_you_mean

NO_AREAS = ('polyline', 'points', 'tag', 'skeleton', 'cuboid')
BOX = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
CIRCLE = [(math.cos(turn), math.sin(turn)) for turn in (2 * math.pi * i / 360 for i in range(360))]
"""Points of a box and of an ellipse around 0, in units of half its width and height."""


def read_cvat(file: Path, document: Element, root: Path, annotations: Annotations) -> None:
    """Add the pictures of an XML file to ``annotations``.

    Raises:
        UserError: The file is about a film, or a value is missing or of a wrong type.
    """
    place = Place(file)
    if document.find('track') is not None:
        raise place.error('these are tracks of a film; export the task as "CVAT for images 1.1"')
    labels = [name.text or '' for name in document.iterfind('meta//labels/label/name')]
    annotations.add_classes(labels)
    for image in document.iterfind('image'):
        name = _attribute(place.at(f'image {image.get("id")}'), image, 'name')
        where = place.at(f'image {name}')
        size = where.size({key: _number(where, image, key, int) for key in ('height', 'width')})
        objects = []
        for number, element in enumerate(image, 1):
            if element.tag in NO_AREAS:
                annotations.leave_out(f'{element.tag} of CVAT')
                continue
            objects.append(_object(where.at(f'{element.tag} {number}'), element, labels))
        annotations.add_classes([annotated.label for annotated in objects])
        split = split_of(Path(image.get('subset') or file), root)
        annotations.images.append(
            AnnotatedImage(name, where, size, tuple(objects), folders=(file.parent,), split=split)
        )


def _object(where: Place, element: Element, labels: list[str]) -> AnnotatedObject:
    label = _attribute(where, element, 'label')
    if labels and label not in labels:
        raise where.error(
            f'the label {label!r} is not among those of the file{did_you_mean(label, labels)}'
        )
    where = Place(where.file, f'{where.part} ({label})')
    order = int(_number(where, element, 'z_order', int)) if element.get('z_order') else 0
    return AnnotatedObject(label, _shape(where, element), where.part, order)


def _shape(where: Place, element: Element) -> Shape:
    if element.tag == 'polygon':
        points = _attribute(where, element, 'points').split(';')
        return Polygons((where.ring(_floats(where, [x for p in points for x in p.split(',')])),))
    if element.tag == 'mask':
        counts = _floats(where, _attribute(where, element, 'rle').split(','))
        if broken := [count for count in counts if not count.is_integer()]:
            raise where.error(f'its rle has {broken[0]} among its runs')
        box = (int(_number(where, element, key, int)) for key in ('left', 'top', 'width', 'height'))
        left, top, width, height = box
        return RowRuns(tuple(map(int, counts)), (left, top), (height, width))
    if element.tag in ('box', 'ellipse'):
        return Polygons((_turned(where, element),))
    raise where.error(f'a <{element.tag}> is not known')


def _turned(where: Place, element: Element) -> tuple[float, ...]:
    """Corners of a box, or of a polygon for an ellipse, rotated about its centre."""
    if element.tag == 'box':
        left, top, right, bottom = (
            _number(where, element, key, float) for key in ('xtl', 'ytl', 'xbr', 'ybr')
        )
        half = (right - left) / 2, (bottom - top) / 2
        middle, offsets = ((left + right) / 2, (top + bottom) / 2), BOX
    else:
        middle = _number(where, element, 'cx', float), _number(where, element, 'cy', float)
        half = _number(where, element, 'rx', float), _number(where, element, 'ry', float)
        offsets = CIRCLE
    angle = math.radians(
        _number(where, element, 'rotation', float) if element.get('rotation') else 0
    )
    return turned(middle, half, offsets, angle)


def turned(
    middle: tuple[float, float],
    half: tuple[float, float],
    offsets: list[tuple[float, float]],
    angle: float,
) -> tuple[float, ...]:
    """Rotate points about a centre, clockwise in the picture; return x, y, x, y, ...

    Args:
        middle: The centre.
        half: Half the width and half the height of the shape.
        offsets: The points relative to the centre, in units of ``half``.
        angle: Angle in radians.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    corners = ((x * half[0], y * half[1]) for x, y in offsets)
    return tuple(
        value
        for x, y in corners
        for value in (middle[0] + x * cos - y * sin, middle[1] + x * sin + y * cos)
    )


def _attribute(where: Place, element: Element, key: str) -> str:
    value = element.get(key)
    if value is None:
        raise where.error(f'there is no {key}')
    return value


def _number(
    where: Place, element: Element, key: str, number_type: type[int] | type[float]
) -> float:
    text = _attribute(where, element, key)
    try:
        number = number_type(text)
    except ValueError:
        raise where.error(f'{key} is {text!r}, not a number') from None
    if number_type is float and not math.isfinite(number):
        raise where.error(f'{key} is {text!r}, which is not finite')
    return number


def _floats(where: Place, texts: list[str]) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError as error:
        raise where.error(f'its coordinates or runs are no numbers: {error}') from None
