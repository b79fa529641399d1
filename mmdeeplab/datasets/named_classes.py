"""Classes and colours of the data sets that papers report, by the names of those data sets."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from mmdeeplab.errors import UserError, did_you_mean

# The name in a config, mmsegmentation's data set, and whether TensorFlow's class 0, "other", which
# is never a label, stands before its classes.
NAMES: dict[str, tuple[str, bool]] = {
    'cityscapes': ('CityscapesDataset', False),
    'ade20k': ('ADE20KDataset', False),
    'ade20k-other': ('ADE20KDataset', True),
    'coco-stuff': ('COCOStuffDataset', False),
    'pascal-context': ('PascalContextDataset', False),
    'pascal-context-59': ('PascalContextDataset59', False),
}


class NamedClasses(NamedTuple):
    """Names of classes in id order, and the colour (R, G, B) of each."""

    classes: tuple[str, ...]
    palette: Sequence[Sequence[int]]


def named_classes(name: str) -> NamedClasses:
    """What ``metainfo=dict(classes='cityscapes')`` stands for: mmsegmentation's names and colours.

    Raises:
        UserError: No data set of this name is known.
    """
    if name not in NAMES:
        raise UserError(
            f'metainfo.classes: {name!r} is no data set whose classes are known'
            f'{did_you_mean(name, NAMES) or "; known are " + ", ".join(NAMES)}. A list of names '
            'stands there otherwise'
        )
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')  # mmcv and mmseg announce what they lack
        from mmseg import datasets
    dataset_name, has_other = NAMES[name]
    metainfo = getattr(datasets, dataset_name).METAINFO
    classes = tuple(label.strip() for label in metainfo['classes'])
    palette = [tuple(map(int, colour)) for colour in metainfo['palette']]
    if has_other:
        classes, palette = ('other', *classes), [(0, 0, 0), *palette]
    return NamedClasses(classes, palette)
