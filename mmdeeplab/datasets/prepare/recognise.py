"""Which of the data sets a folder is, by the folders that it holds."""

from pathlib import Path

from mmdeeplab.command_names import tool
from mmdeeplab.datasets.prepare.table import DATA_SETS

SIGNS = {
    'cityscapes': ('leftImg8bit', 'gtFine'),
    'ade20k': ('images/training', 'annotations/training', 'annotations/validation'),
    'coco-stuff': ('images/train2017', 'annotations/train2017'),
    'pascal-context': ('JPEGImages', 'SegmentationClassContext'),
}


def recognise(root: Path) -> str | None:
    """The name of the data set whose layout a folder has; None where it is no known one."""
    found = (name for name, signs in SIGNS.items() if all((root / s).is_dir() for s in signs))
    return next(found, None)


def advice(root: Path) -> str:
    """What to do with a folder that is, or by its name should be, a known data set; or ''."""
    name = recognise(root)
    if name is None:
        by_name = (n for n, d in DATA_SETS.items() if root.as_posix().endswith(d.folder))
        name = next(by_name, None)
    if name is None:
        return ''
    data = DATA_SETS[name]
    end = '/' + data.folder
    above = root.as_posix().removesuffix(end) if root.as_posix().endswith(end) else 'DIR'
    return (
        f'{data.name} is made ready by {tool("prepare_data")} {name} --root {above} '
        f'--archives DIR; then configs/{data.example}.py and its like train on it'
    )
