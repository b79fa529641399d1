"""The metadata of converted weights: their origin, classes and licence."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.utils import get_classes

from mmdeeplab.datasets.class_names import classes_of, read_classes
from mmdeeplab.datasets.named_classes import NAMES, NamedClasses, named_classes
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.visualization.voc_palette import palette_of, voc_palette
from mmdeeplab.weights.table import Array, Table, shape_of

CLASSIFIER = 'decode_head.conv_seg.bias'


def input_digest(path: Path) -> str:
    """SHA-256 of the input: a file, or a TF checkpoint's files in the order of their names.

    Raises:
        UserError: It has been removed since it was read.
    """
    if path.is_file():
        return digest(path)
    part = re.compile(re.escape(path.name) + r'\.(index|meta|data-\d+-of-\d+)')
    files = sorted(file for file in path.parent.iterdir() if part.fullmatch(file.name))
    if not files:
        raise UserError(f'{path} was removed while it was converted')
    return digest(*files)


def class_count_settings(
    source: Mapping[str, Array], table: Table, cfg: Config
) -> dict[str, object]:
    """The settings that give ``cfg`` as many classes as the source; empty if it has them already.

    A single channel of scores stands for two classes: mmseg tells them apart by a sigmoid.
    """
    shape = shape_of(source, table, CLASSIFIER)
    if not shape or table.part != 'model':
        return {}
    if shape[0] == 1:
        wanted = {'num_classes': 2, 'out_channels': 1, 'threshold': 0.5}
    else:
        wanted = {'num_classes': shape[0]}
    return {
        f'model.{name}.{key}': value
        for name in ('decode_head', 'auxiliary_head')
        if (head := cfg.model.get(name)) and any(head.get(k) != v for k, v in wanted.items())
        for key, value in wanted.items()
    }


def names_inside(path: Path, trust: bool) -> NamedClasses | None:
    """The classes that a PyTorch file names, as mmsegmentation's do, with their colours."""
    from mmdeeplab.checkpoint.fine_tune import class_names
    from mmdeeplab.weights.readers.torch_file import read_file

    checkpoint = read_file(path, trust)
    names = class_names(checkpoint)
    if names is None:
        return None
    palette = palette_of(checkpoint, len(names))
    return NamedClasses(tuple(map(str, names)), [list(map(int, colour)) for colour in palette])


def class_names(
    wanted: str | None,
    own: NamedClasses | None,
    dataset: Mapping[str, Any] | None,
    count: int,
) -> NamedClasses | None:
    """Names of the classes in id order, and their colours; None if they are not known.

    Args:
        wanted: ``--classes``: a file with one name per line, or the name of a known data set.
        own: The classes that the file of the weights names, used without ``wanted``.
        dataset: The config of a data set, used without either if it has as many classes.
        count: Number of classes.

    Raises:
        UserError: There is no such file or data set, or it has another number of classes.
    """
    if wanted is None:
        if own is not None:
            return own if len(own.classes) == count else None
        if dataset is None:
            return None
        named = classes_of(dataset.get('metainfo'), Path(dataset['data_root']))
        return named if len(named.classes) == count else None
    named = wanted_classes(wanted)
    if len(named.classes) != count:
        raise UserError(
            f'--classes {wanted} names {len(named.classes)} classes, the weights have {count}'
        )
    return named


def wanted_classes(wanted: str) -> NamedClasses:
    """Names of classes: the lines of a file, or those of a data set of ours or mmseg's."""
    if Path(wanted).is_file():
        classes = read_classes(Path(wanted))
    elif wanted in NAMES:
        return named_classes(wanted)
    else:
        try:
            classes = tuple(get_classes(wanted))
        except ValueError as error:
            raise UserError(
                f'--classes {wanted}: neither a file with one name a line nor a data set that is '
                f'known (voc, ade, {", ".join(NAMES)}, ...)'
            ) from error
    return NamedClasses(classes, voc_palette(len(classes)))
