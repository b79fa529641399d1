"""Recognise a known data set by the folders inside a folder."""

from pathlib import Path

from mmdeeplab.command_names import tool
from mmdeeplab.datasets.prepare.table import DATA_SETS, DataSet

SIGNS = {
    'cityscapes': ('leftImg8bit', 'gtFine'),
    'ade20k': ('images/training', 'annotations/training', 'annotations/validation'),
    'coco-stuff': ('images/train2017', 'annotations/train2017'),
    'pascal-context': ('JPEGImages', 'SegmentationClassContext'),
}


def recognise(root: Path) -> str | None:
    """The name of the data set that lies in a folder; None if it is not a known one."""
    matches = (name for name, signs in SIGNS.items() if all((root / s).is_dir() for s in signs))
    return next(matches, None)


def advice(root: Path) -> str:
    """Advice for a folder that is a known data set, or has the name of one; otherwise empty."""
    name = recognise(root)
    if name is None:
        name = next((n for n, data in DATA_SETS.items() if _above(root, data)), None)
    if name is None:
        return ''
    data = DATA_SETS[name]
    return (
        f'{data.name} is made ready by {tool("prepare_data")} {name} --root '
        f'{_above(root, data) or "DIR"} '
        f'--archives DIR; then configs/{data.example}.py and its like train on it'
    )


def _above(root: Path, data: DataSet) -> Path | None:
    """The folder in which a data set's folder lies, given ``root``, one of the two."""
    names = Path(data.folder).parts
    return Path(*root.parts[: -len(names)]) if root.parts[-len(names) :] == names else None
