"""What a converted file says of itself: where it came from, its classes, its licence."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmseg.utils import get_classes

from mmdeeplab.datasets.class_names import read_classes
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.weights.table import Array, Table, shape_of

CLASSIFIER = 'decode_head.conv_seg.bias'


def input_digest(path: Path) -> str:
    """SHA-256 of the input: a file, or a TF checkpoint's files in the order of their names."""
    return digest(*([path] if path.is_file() else sorted(path.parent.glob(f'{path.name}.*'))))


def config_options(source: Mapping[str, Array], table: Table, cfg: Config) -> dict[str, object]:
    """The settings by which ``cfg`` gets the classes of the source; none if it has them.

    One channel of scores is mmseg's way to tell two classes apart, by a sigmoid.
    """
    shape = shape_of(source, table, CLASSIFIER)
    if shape is None or table.part != 'model':
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


def class_names(wanted: str | None, root: str | None, count: int) -> list[str] | None:
    """Names of the classes in id order, or None if nobody knows them.

    Args:
        wanted: ``--classes``: a file with one name a line, or a data set that mmseg knows.
        root: Otherwise, the folder of a data set with as many classes.
        count: Number of classes.

    Raises:
        UserError: No such file or data set, or another number of classes.
    """
    if wanted is None:
        names = list(read_classes(Path(root, 'classes.txt'))) if root is not None else []
        return names if len(names) == count else None
    names = named_classes(wanted)
    if len(names) != count:
        raise UserError(f'--classes {wanted} names {len(names)} classes, the weights have {count}')
    return names


def named_classes(wanted: str) -> list[str]:
    """The lines of a file, or the classes of one of mmseg's data sets."""
    if Path(wanted).is_file():
        return list(read_classes(Path(wanted)))
    try:
        return list(get_classes(wanted))
    except ValueError as error:
        raise UserError(
            f'--classes {wanted}: neither a file with one name a line nor a data set that mmseg '
            'knows (voc, cityscapes, ade, ...)'
        ) from error
