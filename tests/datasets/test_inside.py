"""Links out of a data set are not followed, unless it says so."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmdeeplab.datasets.check.report import examine
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.datasets.symlinks import links_out
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.errors import UserError

LISTS = 'ImageSets/Segmentation'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    generate(tmp_path / 'data', MiniVoc(train=3, val=1, size=64), quiet=True)
    return tmp_path / 'data'


def move_out(root: Path, name: str) -> None:
    """Put a file of the data set outside, and a link in its place."""
    outside = root.parent / 'outside'
    outside.mkdir(exist_ok=True)
    (root / name).rename(outside / Path(name).name)
    (root / name).symlink_to(outside / Path(name).name)


def first(root: Path) -> str:
    return (root / LISTS / 'train.txt').read_text().split()[0]


def config(root: Path, **more: object) -> Config:
    dataset = dict(type='mmdeeplab.VOCFolderDataset', data_root=str(root), split='train', **more)
    return Config(dict(train_dataloader=dict(dataset=dataset)))


@pytest.mark.parametrize('name', ['JPEGImages/{}.jpg', 'SegmentationClass/{}.png'])
def test_a_file_that_is_a_link_out(root: Path, name: str) -> None:
    move_out(root, name.format(first(root)))
    with pytest.raises(UserError, match='leads out of'):
        VOCFolderDataset(str(root), 'train')
    (problem,) = [p for p in examine(config(root), ('train',)).problems if p.fault == 'outside']
    assert problem.id == first(root)
    assert problem.severity == 'error'
    assert len(VOCFolderDataset(str(root), 'train', follow_links=True)) == 3
    allowed = examine(config(root, follow_links=True), ('train',))
    assert not [p for p in allowed.problems if p.fault == 'outside']


@pytest.mark.parametrize('name', [f'{LISTS}/train.txt', 'classes.txt'])
def test_a_list_that_is_a_link_out(root: Path, name: str) -> None:
    if name == 'classes.txt':
        (root / name).write_text('\n'.join(f'class {i}' for i in range(21)))
    move_out(root, name)
    for read in (
        lambda: VOCFolderDataset(str(root), 'train'),
        lambda: examine(config(root), ('train',)),
    ):
        with pytest.raises(UserError, match='leads out of'):
            read()


def test_a_list_is_no_path(root: Path) -> None:
    for split in ('../train', '/etc/passwd', 'a/b'):
        with pytest.raises(UserError, match='must be the name of a list'):
            VOCFolderDataset(str(root), split)


def test_links_inside_and_whole_folders_are_welcome(root: Path) -> None:
    folder, name = root / 'JPEGImages', f'{first(root)}.jpg'
    (folder / name).rename(root / name)
    (folder / name).symlink_to(root / name)
    assert not links_out(folder, [name], root)
    folder.rename(root.parent / 'pictures')
    folder.symlink_to(root.parent / 'pictures')
    assert len(VOCFolderDataset(str(root), 'train')) == 3
