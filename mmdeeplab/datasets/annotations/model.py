"""The common form of all annotations: pictures, with objects in the order of painting."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from mmdeeplab.datasets.annotations.place import Place
from mmdeeplab.datasets.annotations.shapes import Shape

BELOW = -(10**9)
"""Order of crowds, which are painted before all objects."""


@dataclass(frozen=True)
class AnnotatedObject:
    """An annotated area of one class.

    Attributes:
        label: Name of the class.
        shape: The area.
        part: Which object of the file it is, in words for messages.
        order: Objects are painted in ascending order; those with equal numbers as in the file.
    """

    label: str
    shape: Shape
    part: str
    order: int = 0


@dataclass(frozen=True)
class AnnotatedImage:
    """A picture as an annotation file describes it.

    Attributes:
        name: Name of its file in the annotation file.
        place: Its place in the annotation file, for messages.
        size: (height, width) according to the annotation file; None if that does not say.
        objects: The annotated objects on it.
        folders: Folders where its file may be, besides the data's folder.
        split: ``train``, ``val``, ``test``, or empty if the annotations do not say.
    """

    name: str
    place: Place
    size: tuple[int, int] | None
    objects: tuple[AnnotatedObject, ...]
    folders: tuple[Path, ...] = ()
    split: str = ''

    def place_of(self, annotated: AnnotatedObject) -> Place:
        """The place of one of its objects in the annotation file, for messages."""
        return Place(self.place.file, annotated.part)


@dataclass
class Annotations:
    """All annotations of one tool in a folder.

    Attributes:
        format: Name of the tool or format.
        images: The pictures.
        classes: Names in the tool's own order, each once.
        sorted: Whether that order is the alphabetical one, because the tool keeps none.
        left_out: Numbers of things that were skipped, by what they are.
    """

    format: str
    images: list[AnnotatedImage] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    sorted: bool = False
    left_out: dict[str, int] = field(default_factory=dict)

    def add_classes(self, names: list[str]) -> None:
        """Append names that are new."""
        self.classes += [name for name in dict.fromkeys(names) if name not in self.classes]

    def leave_out(self, description: str) -> None:
        """Count something that is skipped, described by ``description``."""
        self.left_out[description] = self.left_out.get(description, 0) + 1


def split_of(path: Path, root: Path) -> str:
    """``train``, ``val`` or ``test``, if the path below ``root`` says so; otherwise empty."""
    inner = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    for word in re.split(r'[\W_]+', str(inner.with_suffix('')).lower()):
        for split, form in _SPLITS.items():
            if re.fullmatch(rf'({form})\d*', word):
                return split
    return ''


_SPLITS = dict(train='train|training', val='val|valid|validation', test='test|testing')
