"""A list of images without masks: what is looked at, what is named, and what needs masks."""

import re
from pathlib import Path

import pytest
from broken import Folder, config, draw
from mmengine.config import Config

from mmdeeplab.datasets.check.report import examine
from mmdeeplab.datasets.check.text import summary
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Train of four images, and a list ``more`` of those of val, which have lost their masks."""
    draw(tmp_path)
    lists = tmp_path / 'ImageSets/Segmentation'
    (lists / 'more.txt').write_text((lists / 'val.txt').read_text())
    for mask in Folder(tmp_path, 'val').masks:
        mask.unlink()
    return tmp_path


def both(root: Path) -> Config:
    cfg = config(root)
    train = cfg.train_dataloader.dataset
    more = {**train, 'split': 'more', 'mask_dir': None}
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[train, more])
    return cfg


def test_masks_are_neither_read_nor_counted(root: Path) -> None:
    alone, report = examine(config(root), ('train',)), examine(both(root), ('train',))
    assert report.problems == []
    assert report.counts['train'].pixels.tolist() == alone.counts['train'].pixels.tolist()
    count = len(Folder(root, 'val').masks)
    assert re.fullmatch(rf'\d+ train and {count} unlabelled images, nothing wrong', summary(report))
    data = VOCFolderDataset(str(root), 'more', mask_dir=None)
    assert len(data) == count
    assert not any('seg_map_path' in data.get_data_info(i) for i in range(count))


@pytest.mark.parametrize('damage', ['missing', 'broken'])
def test_an_image_is_named(root: Path, damage: str) -> None:
    image = Folder(root, 'val').image
    if damage == 'missing':
        image.unlink()
        with pytest.raises(UserError, match=re.escape(image.name)):
            VOCFolderDataset(str(root), 'more', mask_dir=None)
    else:
        image.write_bytes(image.read_bytes()[:100])
    (problem,) = examine(both(root), ('train',)).errors
    assert image.name in problem.path
    assert 'mask' not in problem.words


def test_evaluation_needs_masks(root: Path) -> None:
    with pytest.raises(UserError, match='mask_dir=None, so there are no masks to evaluate by'):
        VOCFolderDataset(str(root), 'more', mask_dir=None, test_mode=True)
