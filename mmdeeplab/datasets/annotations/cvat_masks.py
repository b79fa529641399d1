"""Read CVAT's "segmentation mask 1.1": masks in colours in VOC's folders, and ``labelmap.txt``."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mmdeeplab.datasets.annotations.bitmaps import ColourRegion
from mmdeeplab.datasets.annotations.model import (
    AnnotatedImage,
    AnnotatedObject,
    Annotations,
    split_of,
)
from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.fileio.input_files import list_files, read_text
from mmdeeplab.visualization.voc_palette import voc_palette

LABELMAP, MASKS, LISTS = 'labelmap.txt', 'SegmentationClass', 'ImageSets/Segmentation'


def is_cvat_masks(root: Path) -> bool:
    """Whether a folder has CVAT's list of colours beside masks in colours."""
    if not ((root / LABELMAP).is_file() and (root / MASKS).is_dir()):
        return False
    first = next(iter(list_files(root / MASKS, ('.png',), recurse=True).names), None)
    try:
        with Image.open(root / MASKS / (first or '')) as picture:
            return picture.mode in ('RGB', 'RGBA')
    except (OSError, SyntaxError, ValueError):
        return False


def read_cvat_masks(root: Path, annotations: Annotations) -> None:
    """Add the pictures of all masks to ``annotations``.

    Raises:
        UserError: A line of ``labelmap.txt`` has another form, or a mask is not a picture.
    """
    colours = _colours(root / LABELMAP)
    annotations.add_classes(list(colours))
    known_colours = frozenset(colours.values())
    splits = {
        name: split_of(path, root)
        for path in sorted((root / LISTS).glob('*.txt'))
        for name in read_text(path, 'list').splitlines()
    }
    masks = root / MASKS
    for name in list_files(masks, ('.png',), recurse=True).names:
        path = masks / name
        place = Place(path)
        try:
            with Image.open(path) as picture:
                width, height = picture.size
        except (OSError, SyntaxError, ValueError) as error:
            raise place.error(f'it cannot be read ({error})') from error
        objects = tuple(
            AnnotatedObject(label, ColourRegion(path, colour, known_colours), label)
            for label, colour in colours.items()
        )
        stem = str(Path(name).with_suffix(''))
        image = AnnotatedImage(
            f'{stem}.*',
            place,
            (height, width),
            objects,
            folders=(root / 'JPEGImages',),
            split=splits.get(stem, ''),
        )
        annotations.images.append(image)


def _colours(path: Path) -> dict[str, tuple[int, int, int]]:
    """Colours by name, from lines ``NAME:R,G,B:PARTS:ACTIONS``; VOC's for lines without colour."""
    palette = [[str(value) for value in colour] for colour in voc_palette()]
    colours: dict[str, tuple[int, int, int]] = {}
    for number, line in enumerate(read_text(path, 'list of colours').splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        place = Place(path, f'line {number}')
        name, colon, rest = line.partition(':')
        rgb = rest.split(':')[0]
        values = rgb.split(',') if rgb or not colon else palette[len(colours) % len(palette)]
        if len(values) != 3 or not all(v.strip().isdecimal() and int(v) < 256 for v in values):
            raise place.error(f'{line!r} is not NAME:R,G,B::')
        colour = (int(values[0]), int(values[1]), int(values[2]))
        if name in colours or colour in colours.values():
            raise place.error(f'the name {name!r} or its colour occurs twice')
        colours[name] = colour
    return colours
