"""Assign class ids to the classes of annotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.datasets.annotations.model import AnnotatedImage, AnnotatedObject, Annotations
from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.label_counts import IGNORE_INDEX

BACKGROUND = ('background', '_background_', '__background__', 'bg')
"""Pixels that nobody annotated are of this class, which has id 0."""
VOID = ('void', 'ignore', '__ignore__', 'ignored', 'unlabeled', 'unlabelled', "don't care")
"""Pixels of such objects are neither learned from nor scored."""


def is_background(name: str) -> bool:
    """Whether the name of a class means the background, in upper or lower case."""
    return name.strip().lower() in BACKGROUND


def is_void(name: str) -> bool:
    """Whether the name of a class means void, in upper or lower case."""
    return name.strip().lower() in VOID


@dataclass(frozen=True)
class ClassIds:
    """The classes of the masks that are made from annotations.

    Attributes:
        names: Names in id order.
        unlabelled: Id of pixels that are not annotated.
    """

    names: tuple[str, ...]
    unlabelled: int

    def of(self, image: AnnotatedImage, annotated: AnnotatedObject) -> int:
        """The class id of an object.

        Raises:
            UserError: Its class is not among the names.
        """
        name = plain(annotated.label)
        if name in self.names:
            return self.names.index(name)
        if is_void(name):
            return IGNORE_INDEX
        if is_background(name):  # in another of its spellings
            ids = (i for i, own_name in enumerate(self.names) if is_background(own_name))
            return next(ids, self.unlabelled)
        raise image.place_of(annotated).error(
            f'its class {name!r} is not among --classes {",".join(self.names)}'
            + did_you_mean(name, self.names)
        )


def plain(name: str) -> str:
    """A name in one line, as ``classes.txt`` needs it."""
    return ' '.join(name.encode('utf-8', 'replace').decode().split())


def class_ids(
    annotations: Annotations, wanted_names: tuple[str, ...], unlabelled_void: bool, path: Path
) -> ClassIds:
    """Assign ids from 0 on: to the background, then to the classes in the tool's own order.

    Args:
        annotations: The annotations.
        wanted_names: Names in the wanted order, with the background; empty for the tool's order.
        unlabelled_void: Whether pixels that are not annotated are void; then there is no
            background.
        path: Path of the annotations, for messages.

    Raises:
        UserError: A name occurs twice, there are too many, or none means the background.
    """
    tool_names = sorted(annotations.classes) if annotations.sorted else annotations.classes
    tool_names = list(dict.fromkeys(map(plain, tool_names)))
    background = next(filter(is_background, tool_names), None)
    if wanted_names:
        names = [plain(name) for name in wanted_names]
        if len(set(names)) < len(names) or not all(names):
            raise UserError(f'--classes {",".join(wanted_names)}: each name stands there once')
        background_id = next((i for i, name in enumerate(names) if is_background(name)), None)
        if background_id is None and not unlabelled_void:
            raise UserError(
                f'--classes {",".join(wanted_names)}: where nobody annotated anything is a class '
                f'as well: --classes background,{",".join(wanted_names)}; or, if that is to be '
                'ignored, --unlabelled void'
            )
    else:
        drawn = [name for name in tool_names if not is_void(name) and not is_background(name)]
        first = [background] if background else [] if unlabelled_void else ['background']
        names, background_id = [*first, *drawn], 0
    if len(names) > IGNORE_INDEX:
        raise UserError(f'{path} has {len(names)} classes; a mask holds at most {IGNORE_INDEX}')
    if not names:
        raise UserError(f'{path} names no class')
    fill = IGNORE_INDEX if unlabelled_void or background_id is None else background_id
    return ClassIds(tuple(names), fill)
