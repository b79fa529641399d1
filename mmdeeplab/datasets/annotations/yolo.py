"""Read Ultralytics' YOLO labels: a text file for each picture, class names in ``data.yaml``."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mmdeeplab.datasets.annotations.model import (
    AnnotatedImage,
    AnnotatedObject,
    Annotations,
    split_of,
)
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.annotations.shapes import ShareOfPicture
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import list_files, read_text

NO_LABELS = ('classes.txt', 'README.txt', 'notes.txt')
"""Files that labelling tools put beside the labels."""
SLACK = 0.01  # shares that Ultralytics lets be outside of 0 to 1


def read_names(file: Path) -> list[str] | None:
    """Read the class names of a ``data.yaml``; None if a YAML file is something else.

    Raises:
        UserError: The file is not YAML, or its names are neither a list nor numbered from 0 on.
    """
    place = Place(file)
    text = read_text(file, 'annotation file')
    if 'names' not in text:
        return None
    try:
        document: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: 2024-02-30 is no date
        raise UserError(f'{file} is no YAML: {" ".join(str(error).split())}') from error
    names = document.get('names') if isinstance(document, dict) else None
    if names is None:
        return None
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise place.error(f'names are numbered {sorted(names, key=str)}, not from 0 on')
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not names:
        raise place.error('names is no list of class names')
    return [str(name) for name in names]


def read_yolo(
    names: list[str], root: Path, pictures: tuple[str, ...], annotations: Annotations
) -> None:
    """Add every picture to ``annotations``.

    As for Ultralytics, a picture without a label file has no objects.

    Raises:
        UserError: A line of a label file has another form.
    """
    annotations.add_classes(names)
    texts = {name: root / name for name in list_files(root, ('.txt',), recurse=True).names}
    labels = {
        name: path
        for name, path in texts.items()
        if 'labels' in Path(name).parts and Path(name).name not in NO_LABELS
    }
    pictures = tuple(p for p in pictures if 'images' in Path(p).parts) or pictures
    of_picture: dict[str, str] = {}
    for name in pictures:
        if (other := of_picture.setdefault(_stem(name), name)) != name:
            raise UserError(
                f'{root / other} and {root / name} would have one label file: rename one of them'
            )
    labels = labels or {name: path for name, path in texts.items() if _stem(name) in of_picture}
    by_stem = {_stem(name): path for name, path in labels.items()}
    for stem in sorted(of_picture.keys() | by_stem.keys()):
        name, file = of_picture.get(stem, f'{stem}.*'), by_stem.get(stem)
        objects = _objects(file, names) if file else ()
        place = Place(file or root / name)
        annotations.images.append(
            AnnotatedImage(
                name, place, None, objects, folders=(root,), split=split_of(root / name, root)
            )
        )


def _stem(name: str) -> str:
    """A path without what differs between ``train/images/a.jpg`` and ``train/labels/a.txt``."""
    parts = [part for part in Path(name).with_suffix('').parts if part not in ('images', 'labels')]
    return unicodedata.normalize('NFC', '/'.join(parts))


def _objects(file: Path, names: list[str]) -> tuple[AnnotatedObject, ...]:
    objects = []
    for number, line in enumerate(read_text(file, 'label file').splitlines(), 1):
        if not line.strip():
            continue
        place = Place(file, f'line {number}')
        try:
            label, *shares = map(float, line.split())
        except ValueError as error:
            raise place.error(f'not a class and shares of the picture ({error})') from None
        if not label.is_integer() or not 0 <= label < len(names):
            raise place.error(f'class {label:g} is not among the {len(names)} of data.yaml')
        if len(shares) == 4:
            raise place.error('this is a box, not a polygon: labels for detection have no outlines')
        ring = place.ring(shares)
        if min(ring) < -SLACK or max(ring) > 1 + SLACK:
            raise place.error(
                f'the polygon reaches from {min(ring):g} to {max(ring):g}: coordinates are shares '
                'of the picture, 0 to 1'
            )
        name = names[int(label)]
        clipped = tuple(np.clip(ring, 0, 1).tolist())
        objects.append(AnnotatedObject(name, ShareOfPicture(clipped), f'{place.part} ({name})'))
    return tuple(objects)
