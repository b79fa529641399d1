"""Every kind of bad input, in train and in val: found before the first step, by name."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from broken import READS, ROWS, Folder, Row, config, draw, huge, ids_of, tiny
from PIL import Image
from tools_conftest import CONFIG, SMALL, Tool

from mmdeeplab.cli import train as train_command
from mmdeeplab.datasets.check.faults import ERROR, FAULTS
from mmdeeplab.datasets.check.report import Report, examine
from mmdeeplab.datasets.image_io import read_image
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.engine.hooks.data_check import check_training_data
from mmdeeplab.errors import UserError

BOTH = pytest.mark.parametrize('split', ['train', 'val'])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw(tmp_path / 'data')
    return tmp_path / 'data'


def load_all(root: Path, split: str) -> list[dict]:
    """What training's loader makes of a split."""
    pipeline = [dict(type='mmdeeplab.LoadImage'), dict(type='mmdeeplab.LoadMask')]
    data = VOCFolderDataset(str(root), split, pipeline=pipeline, test_mode=split == 'val')
    return [data[i] for i in range(len(data))]


def name_of(folder: Folder, named: str) -> str:
    """The file that must be named."""
    if named == 'val image':
        return Folder(folder.root, 'val').image.name
    return (
        getattr(folder, named)[0].parent.name if named == 'masks' else getattr(folder, named).name
    )


def found(report: Report, fault: str, name: str) -> list:
    return [p for p in report.problems if p.fault == fault and name in f'{p.path} {p.words}']


def test_the_folder_is_sound_before_it_is_broken(root: Path) -> None:
    report = examine(config(root), ('train', 'val', 'test'))
    assert report.problems == []
    assert 'checked in' in check_training_data(config(root)).notice
    assert len(load_all(root, 'train')) == 4


@BOTH
@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.name)
def test_found_before_the_first_step(root: Path, row: Row, split: str) -> None:
    folder = Folder(root, split)
    row.damage(folder)
    name = name_of(folder, row.named)
    report = examine(config(root), ('train', 'val', 'test'))
    assert found(report, row.fault, name), report.problems
    if FAULTS[row.fault].severity == ERROR:
        with pytest.raises(UserError) as error:
            check_training_data(config(root))
        assert name in str(error.value)
        assert f'[{row.fault}]' in str(error.value)
        assert f'tools/check_dataset.py CONFIG --data-root {root}' in str(error.value)
        assert '\n' not in str(error.value)
    else:
        assert not report.errors
        assert row.fault in check_training_data(config(root)).notice


@BOTH
@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.name)
def test_the_loader_names_what_it_cannot_read(root: Path, row: Row, split: str) -> None:
    """Also without the check nothing is read wrongly in silence, and no error is anonymous."""
    folder = Folder(root, split)
    row.damage(folder)
    if row.loader == READS:
        samples = load_all(root, split)
        assert len(samples) == len(folder.ids)
        for sample in samples:
            assert sample['img'].shape == (*sample['gt_seg_map'].shape, 3)
            assert sample['img'].dtype == sample['gt_seg_map'].dtype == np.uint8
        return
    with pytest.raises(UserError) as error:
        load_all(root, split)
    assert error.value.fault == row.fault
    assert any(name in str(error.value) for name in (*folder.ids, folder.list.name))


@BOTH
def test_a_repeated_line_scores_twice_but_may_train_twice(root: Path, split: str) -> None:
    folder = Folder(root, split)
    folder.lines(*folder.ids, folder.id)
    report = examine(config(root), ('train', 'val'))
    fault = dict(train='repeated', val='counted-twice')[split]
    assert found(report, fault, folder.id)
    assert bool(report.errors) == (split == 'val')
    assert report.counts[split].images == len(folder.ids) + 1


def test_train_and_val_of_one_list_is_a_leak(root: Path) -> None:
    cfg = config(root, split='val')
    with pytest.raises(UserError, match=r'val\.txt|train and val read the same list'):
        check_training_data(cfg)
    cfg.check_data = dict(allow=['leak'])
    assert 'leak' in check_training_data(cfg).notice


@pytest.mark.slow
def test_9000x9000_is_large_but_legal(root: Path) -> None:
    folder = Folder(root, 'train')
    huge(folder)
    report = examine(config(root), ('train',))
    assert found(report, 'large', folder.image.name)
    assert not report.errors
    assert report.counts['train'].pixels[1] > 81e6


def test_an_upright_image_and_its_mask_are_read_in_one_orientation(root: Path) -> None:
    folder = Folder(root, 'train')
    before = read_image(folder.image)
    mask = ids_of(folder.mask)
    row = next(row for row in ROWS if row.fault == 'turned')
    row.damage(folder)
    sample = load_all(root, 'train')[1]
    np.testing.assert_array_equal(sample['gt_seg_map'], np.rot90(mask, -1))
    assert np.abs(sample['img'].astype(int) - np.rot90(before, -1)).mean() < 10


@pytest.mark.parametrize('mode', ['L', 'I;16'])
def test_grey_becomes_three_equal_channels(root: Path, mode: str) -> None:
    from broken import converted

    folder = Folder(root, 'train')
    converted(folder, mode)
    image = read_image(folder.image)
    assert image.shape[2] == 3
    assert (image[..., 0] == image[..., 1]).all()
    assert (image[..., 0] == image[..., 2]).all()
    assert image.max() > 200  # 16 bits are scaled, not cut off


@pytest.mark.slow
def test_unequal_sizes_and_one_pixel_train_and_evaluate(root: Path, tmp_path: Path) -> None:
    """Batches of unequal images are legal; so is one pixel, for those who insist."""
    for split in ('train', 'val'):
        tiny(Folder(root, split))
    options = [*SMALL, 'train_cfg.max_iters=2', 'val_dataloader.batch_size=3']
    options.append('train_dataloader.dataset.pipeline.3.prob=0.0')  # NumPy cannot mirror one pixel
    arguments = [CONFIG, '--data-root', str(root), '--work-dir', str(tmp_path / 'w')]
    allowed = "check_data.allow=['tiny','leak']"
    assert train_command.main([*arguments, '--cfg-options', *options]) == 2
    assert train_command.main([*arguments, '--cfg-options', *options, allowed]) == 0
    assert (tmp_path / 'w' / 'iter_2.safetensors').is_file()


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'split'), [('truncated JPEG', 'val'), ('0/255 masks', 'train')])
def test_the_training_command_stops_before_the_first_step(
    forked: Tool, root: Path, tmp_path: Path, name: str, split: str
) -> None:
    row = next(row for row in ROWS if row.name == name)
    folder = Folder(root, split)
    row.damage(folder)
    done = forked(
        'train.py', CONFIG, '--data-root', root, '--work-dir', tmp_path / 'w', '--cfg-options',
        *SMALL, 'train_cfg.max_iters=2',
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith('error: ')
    assert name_of(folder, row.named) in done.stderr
    assert f'tools/check_dataset.py {CONFIG} --data-root {root}' in done.stderr
    assert 'Traceback' not in done.stderr
    assert 'Iter(train)' not in done.stdout


@pytest.mark.slow
def test_all_ranks_end_with_the_same_sentence(tool: Tool, root: Path, tmp_path: Path) -> None:
    folder = Folder(root, 'train')
    next(row for row in ROWS if row.name == 'label 100').damage(folder)
    done = tool(
        'dist_train.sh', CONFIG, 2, '--data-root', root, '--work-dir', tmp_path / 'w',
        '--cfg-options', *SMALL, 'train_cfg.max_iters=2',
    )  # fmt: skip
    assert done.returncode != 0
    sentences = {line for line in done.stderr.splitlines() if line.startswith('error: ')}
    (sentence,) = (line for line in sentences if 'error: rank' not in line)
    assert folder.mask.name in sentence


@BOTH
def test_bits_that_rgb_loses_are_told_and_can_be_read(root: Path, split: str) -> None:
    folder = Folder(root, split)
    rng = np.random.default_rng(0)
    images = [root / 'JPEGImages' / f'{name}.jpg' for name in folder.ids]
    for image in images:
        deep = rng.integers(0, 2**16, (*np.array(Image.open(image)).shape[:2], 3), dtype=np.uint16)
        image.write_bytes(cv2.imencode('.png', deep)[1].tobytes())
    report = examine(config(root), (split,))
    (first, *_) = [p for p in report.problems if p.fault == 'lost-bits']
    assert "3 bands of uint16, read as RGB of 8 bits; LoadImage(bands=3, depth='uint16')" in (
        first.words
    )
    stored = config(root)
    dataset = stored[f'{split}_dataloader'].dataset
    dataset.pipeline = [dict(type='mmdeeplab.LoadImage', bands=3, depth='uint16')]
    report = examine(stored, (split,))
    assert not [p for p in report.problems if p.fault in ('lost-bits', 'pixels', 'converted')]
    dataset.pipeline[0].bands = 4
    report = examine(stored, (split,))
    faults = [p for p in report.problems if p.fault == 'pixels']
    assert len(faults) == len(images)
    assert '3 bands of uint16, the config reads 4 bands of uint16' in faults[0].words
