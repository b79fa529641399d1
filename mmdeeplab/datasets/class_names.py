"""Names and colours of the classes of a data set: ``classes.txt``, or VOC's."""

import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mmdeeplab.datasets.named_classes import NamedClasses, named_classes
from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.fileio.input_files import read_text
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette


def classes_of(metainfo: Mapping[str, Any] | None, root: Path) -> NamedClasses:
    """Names and colours of a data set's classes.

    Args:
        metainfo: The config's. ``classes`` is the name of a known data set (see
            :func:`mmdeeplab.datasets.named_classes.named_classes`) or the same names as in the
            folder's ``classes.txt``; ``palette`` has other colours.
        root: The folder of the data.

    Raises:
        UserError: The names contradict ``classes.txt``, or ``palette`` has more or fewer colours
            than there are classes.
    """
    settings = dict(metainfo or {})
    wanted = settings.get('classes')
    if isinstance(wanted, str):
        classes, palette = named_classes(wanted)
    else:
        classes = read_classes(root / 'classes.txt')
        check_class_names(classes if wanted is None else wanted, classes, root)
        palette = voc_palette(len(classes))
    check_palette(settings.get('palette'), len(classes))
    return NamedClasses(classes, settings.get('palette') or palette)


def read_classes(path: Path) -> tuple[str, ...]:
    """Read class names from a file with one name per line, in id order; without file VOC's names.

    Raises:
        UserError: A name occurs twice, there are none, or the file cannot be read.
    """
    if not os.path.lexists(path):
        return VOC_CLASSES
    names = [line.strip() for line in read_text(path, 'list of classes').splitlines()]
    names = [name for name in names if name]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if not names or doubled:
        problem = f'names {", ".join(doubled)} more than once' if doubled else 'names no class'
        raise UserError(f'{path} {problem}; it holds one class name a line, in id order')
    return tuple(names)


def check_class_names(config_names: Sequence[str], classes: Sequence[str], root: Path) -> None:
    """Refuse class names of a config that are not those of the data, in the same order.

    Raises:
        UserError: It names the first one that differs.
    """
    for number, (name, data_name) in enumerate(zip_longest(config_names, classes)):
        if name != data_name:
            hint = did_you_mean(str(name), classes) if name not in classes else ''
            raise UserError(
                f'metainfo.classes: class {number} is {name!r}, but {data_name!r} in {root} (its '
                f"classes.txt, or VOC's 21 without one){hint}"
            )


def check_palette(palette: Sequence | None, classes: int) -> None:
    """Refuse a palette that does not have one colour for each class.

    Raises:
        UserError: There are more or fewer colours.
    """
    if palette is not None and len(palette) != classes:
        raise UserError(
            f'metainfo.palette has {len(palette)} colours, there are {classes} classes; leave it '
            "out for VOC's colours"
        )
