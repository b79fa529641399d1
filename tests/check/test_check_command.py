"""The command: table, exit status, JSON, mended masks; and what is remembered."""

import errno
import json
import os
import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import make_check_dataset
import numpy as np
import pytest
import torch.multiprocessing
from broken import (
    Folder,
    bomb,
    coloured,
    config,
    cut,
    draw,
    ids_of,
    labelled,
    save_mask,
    sixteen,
    tagged,
)
from PIL import Image
from places import ROOT

from mmdeeplab.cli.check_dataset import main
from mmdeeplab.datasets.check import cache as cache_module
from mmdeeplab.datasets.check import sample as sample_module
from mmdeeplab.datasets.check import scan as scan_module
from mmdeeplab.datasets.check.report import examine
from mmdeeplab.engine.distributed import ranks
from mmdeeplab.errors import UserError
from mmdeeplab.visualization.voc_palette import VOC_CLASSES

CONFIG = str(ROOT / 'configs' / 'deeplabv3_r50_mini-voc.py')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw(tmp_path / 'data')
    return tmp_path / 'data'


def check(root: Path, *options: object) -> int:
    return main([CONFIG, '--data-root', str(root), *map(str, options)])


def test_sound_data(root: Path, capsys: pytest.CaptureFixture) -> None:
    assert check(root) == 0
    text = capsys.readouterr().out
    assert '4 train, 3 val, 3 test images, nothing wrong' in text
    assert all(name in text for name in VOC_CLASSES)
    assert "class_weight='auto'" in text
    assert 'val, test: % of pixels' in text


def test_all_problems_are_in_one_table(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    train, val = Folder(root, 'train'), Folder(root, 'val')
    cut(train.image)
    labelled(val, 99)
    bomb(val.masks[2])
    assert check(root, '--json', tmp_path / 'all.json') == 2
    out, err = capsys.readouterr()
    for words in ('train_1', 'truncated', 'val_1', '99 (4 pixels)', 'val_2', 'too-large'):
        assert words in out
    assert err == 'error: the data has 3 errors, listed above\n'
    assert check(root, '--json', tmp_path / 'all.json' / 'below') == 2
    assert 'error: cannot write' in capsys.readouterr().err
    report = json.loads((tmp_path / 'all.json').read_text())
    assert report['errors'] == len(report['problems']) == 3
    assert {p['path'] for p in report['problems']} == {
        str(path) for path in (train.image, val.mask, val.masks[2])
    }
    assert sum(report['splits']['train']['pixels']) > 0


def test_one_split_and_allowed_kinds(root: Path, capsys: pytest.CaptureFixture) -> None:
    labelled(Folder(root, 'val'), 99)
    assert check(root, '--split', 'train') == 0
    assert check(root, '--allow', 'ids') == 0
    assert check(root, '--cfg-options', "check_data.allow=['ids']") == 0
    assert check(root, '--allow', 'idz') == 2
    assert check(root, '--split', 'trian') == 2
    assert 'trian' in capsys.readouterr().err


def test_fix_writes_ids_for_vocs_colours(root: Path, tmp_path: Path) -> None:
    train, val = Folder(root, 'train'), Folder(root, 'val')
    before = [ids_of(path) for path in train.masks]
    for path in train.masks[:3]:
        coloured(path)
    tagged(val, turned_mask=False)
    upright = np.rot90(ids_of(val.mask), -1)
    bytes_before = {p: p.read_bytes() for p in root.rglob('*') if p.is_file()}
    out = tmp_path / 'fixed'
    assert check(root, '--fix', out) == 2
    masks = [ids_of(out / 'SegmentationClass' / path.name) for path in train.masks]
    assert all((a == b).all() for a, b in zip(masks, before, strict=True))
    np.testing.assert_array_equal(ids_of(out / 'SegmentationClass' / val.mask.name), upright)
    assert {p: p.read_bytes() for p in root.rglob('*') if p.is_file()} == bytes_before
    used = [f'{s}_dataloader.dataset.mask_dir={out}/SegmentationClass' for s in ('train', 'val')]
    assert check(root, '--split', 'train,val', '--cfg-options', *used) == 0
    assert check(root, '--fix', out) == 2  # not empty: never overwritten


def test_fix_stops_at_a_full_disk(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    coloured(Folder(root, 'train').masks[0])
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(Image.Image, 'save', Mock(side_effect=full))
    assert check(root, '--fix', tmp_path / 'fixed') == 2
    said = capsys.readouterr().err
    mask = tmp_path / 'fixed/SegmentationClass' / Folder(root, 'train').masks[0].name
    assert f'error: cannot write {mask}: No space left on device' in said
    assert not list((tmp_path / 'fixed').rglob('*.png'))


def test_fix_names_the_keys_of_data_sets_inside_wrappers(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    nested = tmp_path / 'nested.py'
    nested.write_text(
        f'_base_ = {CONFIG!r}\n'
        f"both = [dict(type='mmdeeplab.VOCFolderDataset', data_root={str(root)!r}, split=split, "
        "pipeline={{_base_.train_pipeline}}) for split in ('train', 'val')]\n"
        "train_dataloader = dict(dataset=dict(_delete_=True, type='RepeatDataset', times=2, "
        "dataset=dict(type='ConcatDataset', datasets=both)))\n"
    )
    coloured(Folder(root, 'val').mask)
    options = [str(nested), '--split', 'train']
    assert main([*options, '--fix', str(tmp_path / 'fixed')]) == 2
    (said,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith('to use them')]
    assert 'train_dataloader.dataset.dataset.datasets.1.mask_dir=' in said
    assert main([*options, *shlex.split(said.partition(': ')[2])]) == 0


@pytest.mark.parametrize('link', ['by two names', 'by one name'])
def test_fix_of_folders_that_are_links(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture, link: str
) -> None:
    """Two names of one folder are two folders of --fix; one name of two would be one."""
    masks = [root / 'SegmentationClass', root / 'Other']
    shutil.copytree(*masks)
    names = ['north/masks', 'south/masks'] if link == 'by one name' else ['north/a', 'south/b']
    targets = masks if link == 'by one name' else [masks[0]] * 2
    for name, target in zip(names, targets, strict=True):
        (root / name).parent.mkdir()
        (root / name).symlink_to(target)
    used = [
        f'{split}_dataloader.dataset.mask_dir={name}'
        for split, name in zip(('train', 'val'), names, strict=True)
    ]
    out = tmp_path / 'fixed'
    status = check(root, '--fix', out, '--split', 'train,val', '--cfg-options', *used)
    captured = capsys.readouterr()
    if link == 'by one name':
        assert status == 2
        assert 'north/masks and ' in captured.err
        assert not out.exists()
    else:
        assert {path.name for path in out.iterdir()} == {'a', 'b'}


def test_fix_by_a_list_of_colours_and_by_renaming(root: Path, tmp_path: Path) -> None:
    (root / 'classes.txt').write_text('sky\nroad\n')
    train, val = Folder(root, 'train'), Folder(root, 'val')
    for folder in (train, val):
        for path in folder.masks:
            save_mask(path, np.where(ids_of(path) < 9, 0, 1))
    ids = ids_of(train.mask).astype(bool)
    Image.fromarray(np.where(ids[..., None], [10, 20, 30], [1, 2, 3]).astype(np.uint8)).save(
        train.mask
    )
    sixteen(val, 65535)
    colours = tmp_path / 'colours.txt'
    colours.write_text('1 2 3 sky\n10 20 30 road\n0 0 0 void\n')
    out = tmp_path / 'fixed'
    check(root, '--fix', out, '--colours', colours, '--map', '65535=255')
    np.testing.assert_array_equal(ids_of(out / 'SegmentationClass' / train.mask.name), ids)
    assert ids_of(out / 'SegmentationClass' / val.mask.name)[5, 5] == 255


def test_two_classes_written_0_and_255_become_0_and_1(root: Path, tmp_path: Path) -> None:
    (root / 'classes.txt').write_text('other\nroad\n')
    folders = [Folder(root, 'train'), Folder(root, 'val')]
    for path in (path for folder in folders for path in folder.masks):
        save_mask(path, np.where(ids_of(path) < 9, 0, 255))
    assert check(root, '--fix', tmp_path / 'fixed') == 2
    for path in folders[0].masks:
        fixed = ids_of(tmp_path / 'fixed' / 'SegmentationClass' / path.name)
        np.testing.assert_array_equal(fixed, ids_of(path) == 255)


def test_only_changed_files_are_looked_at_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    real = scan_module.look_at
    monkeypatch.setattr(
        scan_module, 'look_at', lambda *pair: looked.append(pair[0].stem) or real(*pair)
    )
    folder = Folder(root, 'train')
    first = examine(config(root), ('train',))
    assert sorted(looked) == folder.ids
    looked.clear()
    cache_module._loaded.clear()  # another process
    again = examine(config(root), ('train',))
    assert looked == []
    np.testing.assert_array_equal(again.counts['train'].pixels, first.counts['train'].pixels)
    labelled(folder, 30)
    assert examine(config(root), ('train',)).errors
    assert looked == [folder.id]
    (root / 'classes.txt').write_text('\n'.join(f'c{i}' for i in range(31)))
    assert not examine(config(root), ('train',)).errors  # other classes, nothing looked at
    assert looked == [folder.id]


def test_a_file_that_could_not_be_read_is_looked_at_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = Folder(root, 'train'), os.open

    def failing(path: os.PathLike | str, *args: int, **kwargs: int) -> int:
        if str(path) == str(folder.image):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *args, **kwargs)

    with monkeypatch.context() as disk:
        disk.setattr(os, 'open', failing)
        assert [p.fault for p in examine(config(root), ('train',)).errors] == ['unreadable']
    cache_module._loaded.clear()  # another process, when the disk answers again
    assert not examine(config(root), ('train',)).errors


def test_a_package_that_is_lacking_is_no_fault_of_the_data(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(sample: object, path: Path, pixels: object) -> None:
        raise UserError(f'the image {path} is a TIFF, which tifffile reads: pip install it')

    with monkeypatch.context() as machine:
        machine.setattr(sample_module, '_look_at_image', lacking)
        with pytest.raises(UserError, match='pip install it'):
            examine(config(root), ('train',))
    cache_module._loaded.clear()  # another process, when it has been installed
    assert not examine(config(root), ('train',)).errors


@pytest.mark.parametrize('damage', [b'', b'x', b'\xff\xfe\x00', b'0' * 64 + b'\n{}'])
def test_a_damaged_cache_is_as_good_as_none(root: Path, damage: bytes) -> None:
    expected = examine(config(root), ('train',)).counts['train'].pixels
    (path,) = [cache for cache in cache_module._loaded if str(root) in key_of(cache, root)]
    path.write_bytes(damage)
    cache_module._loaded.clear()
    counts = examine(config(root), ('train',)).counts['train']
    np.testing.assert_array_equal(counts.pixels, expected)


def key_of(path: Path, root: Path) -> str:
    """``root`` when the cache file at ``path`` is that of the folder there."""
    key = f'{root}/JPEGImages\n{root}/SegmentationClass\n.jpg\n.png'
    return key if cache_module.SampleCache(key).path == path else ''


def test_a_changed_bit_of_the_cache_is_noticed(root: Path) -> None:
    examine(config(root), ('train',))
    (path,) = [cache for cache in cache_module._loaded if key_of(cache, root)]
    path.write_text(path.read_text().replace('"0":', '"1":', 1))
    assert cache_module._read(path) == {}


def test_without_a_place_for_the_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMDEEPLAB_CACHE', '/proc/none')
    assert examine(config(root), ('train',)).problems == []


def test_a_pool_finds_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(Folder(root, 'train').image)
    alone = examine(config(root), ('train', 'val'), workers=0)
    monkeypatch.setattr(scan_module, 'FEW', 1)
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(root / 'elsewhere'))
    pooled = examine(config(root), ('train', 'val'), workers=2)
    assert pooled.problems == alone.problems
    assert pooled.checked[0].samples == alone.checked[0].samples


def _rank(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank))
    os.environ.update(WORLD_SIZE='2', LOCAL_RANK=str(rank))
    ranks.BEAT = 0.5
    ranks.join_ranks('pytorch', dict(dist_cfg=dict(timeout=2)))

    def slow(beat: Callable[[], None]) -> str:
        assert rank == 0
        for _ in range(8):
            time.sleep(0.5)
            beat()
        return 'sound'

    def refused(beat: Callable[[], None]) -> str:
        raise UserError('label 77')

    words = ranks.on_first_rank(slow)
    try:
        ranks.on_first_rank(refused)
    except UserError as error:
        words += f', then {error}'
    Path(f'{out}/{rank}').write_text(words)


@pytest.mark.slow
def test_ranks_wait_longer_than_their_timeout(tmp_path: Path) -> None:
    arguments = (29500 + os.getpid() % 1000, str(tmp_path))
    torch.multiprocessing.start_processes(_rank, arguments, 2, start_method='fork')
    words = [(tmp_path / str(rank)).read_text() for rank in range(2)]
    assert words == ['sound, then label 77'] * 2


def test_the_page_shows_every_kind_and_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = make_check_dataset.PAGE.read_text()
    assert make_check_dataset.kinds_table() in text
    monkeypatch.chdir(tmp_path)
    make_check_dataset.break_mini_voc(Path('broken-voc'))
    assert make_check_dataset.printed(Path('broken-voc')) in text


@pytest.mark.parametrize('known', [False, True])
def test_ranks_hear_of_every_file_that_is_compared_with_before(root: Path, known: bool) -> None:
    """On a slow file system this takes minutes, in which they would be given up."""
    cfg = config(root)
    if known:
        examine(cfg, ('train', 'val'), quiet=True)
    stamped: list[int] = []
    beats: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        given = scan_module.stamp
        patch.setattr(
            scan_module, 'stamp', lambda path: (stamped.append(len(beats)), given(path))[1]
        )
        examine(cfg, ('train', 'val'), 0, beat=lambda: beats.append(1), quiet=True)
    assert len(stamped) == 14  # image and mask of 4 and 3
    signs = sorted(set(stamped))
    assert len(signs) == 7  # between any two samples there was one
