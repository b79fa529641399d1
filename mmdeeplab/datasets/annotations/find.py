"""Find and read the annotations in a folder or a file, of any tool."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from mmdeeplab.console import progress
from mmdeeplab.datasets.annotations.coco import has_areas, is_coco, read_coco
from mmdeeplab.datasets.annotations.cvat import read_cvat
from mmdeeplab.datasets.annotations.cvat_masks import is_cvat_masks, read_cvat_masks
from mmdeeplab.datasets.annotations.datumaro import is_datumaro, read_datumaro
from mmdeeplab.datasets.annotations.label_studio import is_label_studio, read_label_studio
from mmdeeplab.datasets.annotations.labelme import is_labelme, read_labelme
from mmdeeplab.datasets.annotations.model import Annotations
from mmdeeplab.datasets.annotations.place import read_json
from mmdeeplab.datasets.annotations.supervisely import (
    is_meta,
    is_supervisely,
    read_meta,
    read_supervisely,
)
from mmdeeplab.datasets.annotations.yolo import read_names, read_yolo
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import PICTURE_SUFFIXES, list_files, read_bytes, read_text

RECORD = 'converted.json'
"""The file that marks folders written by a conversion, whose masks are no annotations."""
JSON: dict[str, tuple[Callable[[Any], bool], Callable[[Path, Any, Path, Annotations], None]]] = {
    'COCO': (is_coco, read_coco),
    'labelme': (is_labelme, read_labelme),
    'Label Studio': (is_label_studio, read_label_studio),
    'Datumaro': (is_datumaro, read_datumaro),
    'Supervisely': (is_supervisely, read_supervisely),
}
LINK = 'JPEGImages'
"""The link to the pictures, in folders written by a conversion."""
KNOWN = f'{", ".join(JSON)} (JSON), CVAT for images 1.1 (XML), YOLO (data.yaml and labels/*.txt)'
SUFFIXES = ('.json', '.xml', '.yaml', '.yml')
ARCHIVES = ('.zip', '.tar', '.tgz', '.gz', '.7z', '.rar')


class UnknownAnnotations(UserError):
    """A JSON, XML or YAML file that has the form of no known annotation tool."""


def find_annotations(path: Path) -> tuple[Annotations, tuple[str, ...]] | None:
    """Read the annotations of one file, or of a folder and everything below it.

    Returns:
        The annotations, and the names of all pictures below the folder (or the file's folder); None
        if nothing looks like annotations.

    Raises:
        UserError: A file is broken, of no known tool or without areas (boxes, captions, films), or
            the folder holds annotations of several tools.
    """
    if not path.is_dir() and _suffix(path.name) in ARCHIVES:
        raise UserError(f'{path} is an archive: unpack it, and name the folder')
    root = path if path.is_dir() else path.parent
    listing = list_files(root, (*PICTURE_SUFFIXES, *SUFFIXES), recurse=True)
    names = _sources(root, listing.names)
    pictures = tuple(name for name in names if _suffix(name) in PICTURE_SUFFIXES)
    if path.is_dir() and is_cvat_masks(root):
        annotations = Annotations('CVAT masks')
        read_cvat_masks(root, annotations)
        return annotations, pictures
    files = [root / name for name in names if _suffix(name) in SUFFIXES]
    by_format = _read(files if path.is_dir() else [path], root, pictures)
    if not by_format and (names_of_yolo := _classes_txt(root)) and path.is_dir():
        read_yolo(names_of_yolo, root, pictures, _of('YOLO', by_format))
    formats = {
        format_name: annotations
        for format_name, annotations in by_format.items()
        if annotations.images
    }
    if len(formats) > 1:
        raise UserError(
            f'{root} holds annotations of {" and ".join(formats)}: name one file or folder'
        )
    for format_name, annotations in formats.items():
        if format_name == 'labelme' and (names_of_labelme := _lines(root / 'labels.txt')):
            annotations.classes = list(dict.fromkeys([*names_of_labelme, *annotations.classes]))
            annotations.sorted = False
        return annotations, pictures
    _explain(path, files)
    return None


def _sources(root: Path, names: tuple[str, ...]) -> list[str]:
    """Names of files below ``root``, without the results of an earlier conversion.

    Pictures that are reached through the link ``JPEGImages`` of a conversion get their own names.
    """
    conversions = [PurePosixPath(name).parent for name in names if _file(name) == RECORD]
    real = Path(os.path.realpath(root))
    sources = set()
    for name in names:
        path = PurePosixPath(name)
        if any(path.is_relative_to(folder / LINK) for folder in conversions):
            target = Path(os.path.realpath(root / name))
            sources |= (
                {target.relative_to(real).as_posix()} if target.is_relative_to(real) else set()
            )
        elif not any(path.is_relative_to(folder) for folder in conversions):
            sources.add(name)
    return sorted(sources)


def _read(files: list[Path], root: Path, pictures: tuple[str, ...]) -> dict[str, Annotations]:
    """Read annotation files, one at a time; return the annotations by format."""
    by_format: dict[str, Annotations] = {}
    yolo: dict[Path, list[str]] = {}
    for file in progress(files, 'reading annotations', len(files), 'files'):
        if file.suffix.lower() == '.json':
            _read_json(file, root, by_format)
        elif file.suffix.lower() == '.xml':
            _read_xml(file, root, by_format)
        elif names := read_names(file):
            yolo[file] = names
    if any(names != next(iter(yolo.values())) for names in yolo.values()):
        raise UserError(f'{" and ".join(map(str, yolo))} name other classes: keep one of them')
    folders = {file.parent: names for file, names in yolo.items()}
    for folder, names in folders.items():
        if folders.keys().isdisjoint(folder.parents):  # whose pictures are read already
            read_yolo(names, folder, _below(folder, root, pictures), _of('YOLO', by_format))
    return by_format


def _read_json(file: Path, root: Path, by_format: dict[str, Annotations]) -> None:
    document = read_json(file)
    if is_meta(document):
        read_meta(file, document, _of('Supervisely', by_format))
    for format_name, (fits, read) in JSON.items():
        if fits(document) and (format_name != 'COCO' or has_areas(document)):
            read(file, document, root, _of(format_name, by_format))
            return


def _read_xml(file: Path, root: Path, by_format: dict[str, Annotations]) -> None:
    data = read_bytes(file, 'annotation file')
    try:
        document = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UserError(f'{file} is no XML, or cut off ({error}); export it again') from error
    if document.tag == 'annotations':
        read_cvat(file, document, root, _of('CVAT', by_format))


def _explain(path: Path, files: list[Path]) -> None:
    """Tell what there is if no annotations were found.

    Raises:
        UserError: There are files of other kinds; it says which.
    """
    files = files if path.is_dir() else [path]
    if not files:
        return
    for file in files:
        if file.suffix.lower() == '.json' and is_coco(document := read_json(file)):
            annotations = document['annotations']
            raise UserError(
                f'{file} is COCO without a segmentation'
                + (' (boxes, captions or keypoints only)' if annotations else '')
                + ': a network for masks needs the outlines of objects'
            )
        if file.suffix.lower() == '.xml' and b'<annotation>' in read_bytes(file)[:500]:
            raise UserError(
                f'{file} has the boxes of PASCAL VOC: masks need the outlines of objects'
            )
    file_types = ', '.join(sorted({file.suffix.lower()[1:].upper() for file in files}))
    shown = ', '.join(file.name for file in files[:3]) + (', ...' if len(files) > 3 else '')
    raise UnknownAnnotations(f'{path} holds {file_types} ({shown}) that is none of: {KNOWN}')


def _of(format_name: str, by_format: dict[str, Annotations]) -> Annotations:
    sorts = format_name in ('labelme', 'Label Studio')
    return by_format.setdefault(format_name, Annotations(format_name, sorted=sorts))


def _classes_txt(root: Path) -> list[str]:
    """Names of ``classes.txt``, used if there are YOLO label files but no YAML file."""
    names = _lines(root / 'classes.txt')
    return names if names and (root / 'labels').is_dir() else []


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        return []
    lines = read_text(file, 'list of classes').splitlines()
    return [line.strip() for line in lines if line.strip()]


def _below(folder: Path, root: Path, pictures: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        (root / name).relative_to(folder).as_posix()
        for name in pictures
        if (root / name).is_relative_to(folder)
    )


def _file(name: str) -> str:
    return PurePosixPath(name).name


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
