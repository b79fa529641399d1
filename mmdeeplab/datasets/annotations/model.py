"""What every annotation file comes to: pictures with objects in the order of painting."""

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
    """An area of one class.

    Attributes:
        label: Name of the class.
        shape: What it covers.
        part: Which object of the file it is, in words.
        order: Objects of a lower one are painted first, of the same one as the file has them.
    """

    label: str
    shape: Shape
    part: str
    order: int = 0


@dataclass(frozen=True)
class AnnotatedImage:
    """A picture as an annotation file describes it.

    Attributes:
        name: Its file, as the annotation file calls it.
        place: Where it stands there.
        size: (height, width) by the annotation file; None where that does not say.
        objects: What was drawn on it.
        folders: Where its file may be, besides the data's folder.
        split: ``train``, ``val``, ``test`` or empty where nobody says.
    """

    name: str
    place: Place
    size: tuple[int, int] | None
    objects: tuple[AnnotatedObject, ...]
    folders: tuple[Path, ...] = ()
    split: str = ''

    def place_of(self, one: AnnotatedObject) -> Place:
        """Where one of its objects stands in the annotation file."""
        return Place(self.place.file, one.part)


@dataclass
class Annotations:
    """All of one kind in a folder.

    Attributes:
        format: The tool or format by its name.
        images: The pictures.
        classes: Names in the tool's own order, each once.
        sorted: Whether that order is only the alphabet's, as the tool keeps none.
        left_out: Counts of what is no area or not annotated, by what it is.
    """

    format: str
    images: list[AnnotatedImage] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    sorted: bool = False
    left_out: dict[str, int] = field(default_factory=dict)

    def add_classes(self, names: list[str]) -> None:
        """Append names that are new."""
        self.classes += [name for name in dict.fromkeys(names) if name not in self.classes]

    def leave_out(self, what: str) -> None:
        """Count something that is passed over."""
        self.left_out[what] = self.left_out.get(what, 0) + 1


def split_of(path: Path, root: Path) -> str:
    """``train``, ``val``, ``test`` or nothing, by the words of a path below ``root``."""
    inner = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    for word in re.split(r'[\W_]+', str(inner.with_suffix('')).lower()):
        for split, form in _SPLITS.items():
            if re.fullmatch(rf'({form})\d*', word):
                return split
    return ''


_SPLITS = dict(train='train|training', val='val|valid|validation', test='test|testing')
