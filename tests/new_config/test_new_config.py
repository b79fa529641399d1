"""A folder of one's own becomes a config that trains, whatever its layout."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmdeeplab.cli.new_config import main
from mmdeeplab.cli.new_config.network import available, find_network
from mmdeeplab.cli.new_config.plan import make_plan
from mmdeeplab.datasets.discovery.layout import divide, find_layout, hold_out
from mmdeeplab.datasets.discovery.pairs import Pairs, pair
from mmdeeplab.errors import UserError

COLOURS = {0: (0, 0, 0), 1: (200, 10, 10), 2: (10, 10, 200), 255: (255, 255, 255)}


def draw(image: Path, mask: Path, ids: tuple[int, ...] = (0, 1, 2), mode: str = 'L') -> None:
    """A picture of 64 x 48 pixels and its mask in vertical stripes."""
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(abs(hash(image.name)) % 2**32).integers(0, 255, (48, 64, 3))
    Image.fromarray(noise.astype(np.uint8)).save(image)
    stripes = np.array(ids, np.uint8)[np.arange(64) * len(ids) // 64][None].repeat(48, 0)
    if mode == 'RGB':
        stripes = np.array([COLOURS[i] for i in range(256) if i in COLOURS], np.uint8)[stripes]
    if mask.suffix == '.npy':
        np.save(mask, stripes.astype(int))
    else:
        Image.fromarray(stripes).save(mask)


NAMES = [f'street{i}' for i in range(10)]
LAYOUTS: dict[str, Callable[[Path, int], tuple[Path, Path]]] = {
    'two folders': lambda root, i: (
        root / 'images' / f'{NAMES[i]}.png', root / 'masks' / f'{NAMES[i]}.png',
    ),
    'endings': lambda root, i: (
        root / 'imgs' / f'{NAMES[i]}.JPG', root / 'Labels' / f'{NAMES[i]}_mask.png',
    ),
    'GIF masks': lambda root, i: (
        root / 'images' / f'{NAMES[i]}.jpg', root / 'masks' / f'{NAMES[i]}_mask.gif',
    ),
    'NPY masks': lambda root, i: (
        root / 'images' / f'{NAMES[i]}.png', root / 'masks' / f'{NAMES[i]}.npy',
    ),
    'one folder': lambda root, i: (root / f'{NAMES[i]}.jpg', root / f'{NAMES[i]}.png'),
    'one folder, all PNG': lambda root, i: (
        root / f'{NAMES[i]}.png', root / f'{NAMES[i]}_label.png',
    ),
    'train and val outside': lambda root, i: (
        root / ('train' if i < 8 else 'valid') / 'images' / f'{NAMES[i]}.jpg',
        root / ('train' if i < 8 else 'valid') / 'masks' / f'{NAMES[i]}.png',
    ),
    'train and val inside': lambda root, i: (
        root / 'images' / ('training' if i < 8 else 'validation') / f'{NAMES[i]}.jpg',
        root / 'annotations' / ('training' if i < 8 else 'validation') / f'{NAMES[i]}.png',
    ),
}  # fmt: skip


def make(root: Path, layout: str = 'two folders', **how: object) -> Path:
    for i in range(len(NAMES)):
        draw(*LAYOUTS[layout](root, i), **how)
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_gives_a_config_whose_data_can_be_read(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    from mmseg.registry import DATASETS

    root = make(tmp_path / 'own', layout)
    before = files(root)
    out = tmp_path / 'mine.py'
    assert main(['--data', str(root), '--out', str(out), '--classes', 'road,car,sky']) == 0
    printed = capsys.readouterr().out
    assert '8 train and 2 val images of about 64 x 48 pixels' in printed
    assert '3 classes: road, car, sky' in printed
    assert files(root) == before
    cfg = Config.fromfile(out)
    init_default_scope(cfg.default_scope)
    seen = []
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        dataset = DATASETS.build(loader.dataset)
        assert dataset.metainfo['classes'] == ('road', 'car', 'sky')
        seen += [Path(dataset.get_data_info(i)['img_path']).name for i in range(len(dataset))]
        assert dataset[0]['inputs'].shape[0] == 3
    assert sorted(name.partition('.')[0] for name in seen) == NAMES
    assert cfg.test_dataloader == cfg.val_dataloader


@pytest.mark.parametrize('layout', ['two folders', 'one folder', 'one folder, all PNG'])
def test_whole_films_are_left_out_of_training(layout: str, tmp_path: Path) -> None:
    root, out = make(tmp_path / 'own', layout), tmp_path / 'mine.py'
    options = ['--data', str(root), '--out', str(out), '--val-prefix', 'street3', 'street7']
    assert main(options) == 0
    cfg = Config.fromfile(out)
    lists = Path(cfg.train_dataloader.dataset.data_root, 'ImageSets', 'Segmentation')
    assert (lists / 'val.txt').read_text().split() == ['street3', 'street7']
    others = [name for name in NAMES if name not in ('street3', 'street7')]
    assert (lists / 'train.txt').read_text().split() == others


def test_lists_of_voc_give_way_to_films_left_out(tmp_path: Path, data: Path) -> None:
    layout = find_layout(data)
    every = {*layout.train.ids, *layout.val.ids}
    first = min(every)
    held = hold_out(layout, (first,))
    assert held.val.ids == (first,)
    assert {*held.train.ids} == every - {first}
    assert not held.listed


def test_films_that_cannot_be_left_out_are_named(tmp_path: Path) -> None:
    layout = find_layout(make(tmp_path / 'own'))
    with pytest.raises(UserError, match="begins with 'film'"):
        hold_out(layout, ('street1', 'film'))
    with pytest.raises(UserError, match='none is left to train'):
        hold_out(layout, ('street',))
    with pytest.raises(UserError, match=r'a folder of its own, .*valid'):
        hold_out(find_layout(make(tmp_path / 'two', 'train and val outside')), ('street1',))


def test_numbers_that_must_agree_do(tmp_path: Path) -> None:
    out = tmp_path / 'mine.py'
    main(['--data', str(make(tmp_path / 'own')), '--out', str(out), '--backbone', 'xception'])
    cfg = Config.fromfile(out)
    (crop,) = (t.crop_size for t in cfg.train_dataloader.dataset.pipeline if 'crop_size' in t)
    assert crop == cfg.model.data_preprocessor['size'] == (33, 33)
    assert cfg.model.data_preprocessor['test_size'] == (49, 65)
    assert cfg.model.decode_head.num_classes == 3
    assert cfg.train_cfg.max_iters == 2000
    assert 'end' not in cfg.param_scheduler[0]  # the run's
    assert cfg.train_cfg.max_iters % cfg.train_cfg.val_interval == 0
    assert cfg.optim_wrapper.optimizer == dict(type='AdamW', lr=2e-3, weight_decay=4e-5)
    assert 'paramwise_cfg' not in cfg.optim_wrapper
    statements = [line for line in out.read_text().splitlines() if re.match(r'\w', line)]
    assert len(statements) <= 16


@pytest.mark.parametrize('version', ['v1', 'v2', 'v3', 'v3plus', 'lraspp'])
def test_every_network_builds(version: str, tmp_path: Path) -> None:
    import torch
    from mmseg.registry import MODELS

    weights = tmp_path / 'any.pth'
    weights.touch()
    root = make(tmp_path / 'own')
    for backbone in available()[version]:
        out = tmp_path / 'mine.py'
        options = ['--version', version, '--backbone', backbone, '--weights', str(weights)]
        assert main(['--data', str(root), '--out', str(out), '--force', *options]) == 0
        cfg = Config.fromfile(out)
        init_default_scope(cfg.default_scope)
        with torch.device('meta'):
            assert MODELS.build(cfg.model).decode_head.num_classes == 3
        assert cfg.load_from == str(weights)


def test_the_layout_of_voc_keeps_its_lists(tmp_path: Path, data: Path) -> None:
    out = tmp_path / 'mine.py'
    assert main(['--data', str(data), '--out', str(out)]) == 0
    cfg = Config.fromfile(out)
    assert cfg.train_dataloader.dataset.data_root == str(data)
    assert 'image_dir' not in cfg.train_dataloader.dataset
    assert not (tmp_path / 'mine_data').exists()
    assert cfg.model.decode_head.num_classes == 21


def test_a_list_of_the_test_split_is_not_trained_on(tmp_path: Path) -> None:
    root = make(tmp_path / 'own')
    lists = root / 'ImageSets/Segmentation'
    lists.mkdir(parents=True)
    (lists / 'train.txt').write_text('\n'.join(NAMES[:3]))
    with pytest.raises(UserError, match=r'train\.txt leaves out 7 of 10 images'):
        find_layout(root)
    (lists / 'test.txt').write_text('\n'.join(NAMES[3:]))
    layout = find_layout(root)
    assert (layout.train.ids, layout.val.ids) == (tuple(NAMES[:3]), tuple(NAMES[3:]))
    assert not layout.listed  # the data set reads val.txt
    (lists / 'train.txt').write_text('\n'.join(NAMES))
    (lists / 'test.txt').unlink()
    assert find_layout(root).val.ids  # CVAT's list of its only subset holds nothing back


def test_mends_masks_of_0_and_255(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = make(tmp_path / 'own', ids=(0, 255))
    before = files(root)
    call = ['--data', str(root), '--out', str(tmp_path / 'mine.py')]
    assert main(call) == 2
    assert '--mend' in capsys.readouterr().err
    assert main([*call, '--mend', '--classes', 'ground,crack']) == 0
    assert files(root) == before
    masks = sorted((tmp_path / 'mine_data' / 'masks').rglob('*.png'))
    assert len(masks) == len(NAMES)
    assert all(set(np.unique(Image.open(path))) == {0, 1} for path in masks)
    assert Config.fromfile(tmp_path / 'mine.py').model.decode_head.num_classes == 2


def test_mends_masks_in_colour(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = make(tmp_path / 'own', mode='RGB')
    call = ['--data', str(root), '--out', str(tmp_path / 'mine.py')]
    assert main(call) == 2
    assert '(10, 10, 200)' in capsys.readouterr().err
    colours = tmp_path / 'colours.txt'
    colours.write_text('0 0 0 road\n10 10 200 sky\n200 10 10 car\n')
    assert main([*call, '--mend', '--colours', str(colours)]) == 0
    mask = np.array(Image.open(next((tmp_path / 'mine_data' / 'masks').rglob('*.png'))))
    assert mask[0, 0] == 0
    assert mask[0, 32] == 2  # id 1 was drawn as (200, 10, 10), the third line
    assert mask[0, 63] == 1


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--data', 'nowhere'], ['no folder at', 'nowhere']),
        (['--out', 'mine.yaml'], ['--out', 'mine.yaml']),
        (['--version', 'v4'], ['--version', 'v3plus', 'v4']),
        (['--backbone', 'vgg16'], ['vgg16', 'xception', '--version v1 or v2']),
        (['--version', 'v1', '--backbone', 'vgg16'], ['--weights', 'random']),
        (['--weights', 'none.pth'], ['no checkpoint at none.pth']),
        (['--crop', '320'], ['--crop', '305 or 321', '320']),
        (['--classes', 'a,b'], ['--classes', 'at least 3']),
        (['--val-share', '1'], ['--val-share', '1']),
        (['--colours', 'x.txt'], ['--mend']),
    ],
)
def test_refuses_what_makes_no_sense(
    options: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / 'mine.py'
    assert main(['--data', str(make(tmp_path / 'own')), '--out', str(out), *options]) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    assert len(error.splitlines()) == 1
    assert not out.exists()
    assert not (tmp_path / 'mine_data').exists()


def test_replaces_nothing_unasked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'mine.py'
    out.write_text('precious\n')
    call = ['--data', str(make(tmp_path / 'own')), '--out', str(out)]
    assert main(call) == 2
    assert 'there already; --force' in capsys.readouterr().err
    assert out.read_text() == 'precious\n'
    assert main([*call, '--force']) == 0


def test_force_removes_nothing_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Data in ``street_data`` beside ``street.py``, where the command writes, too."""
    root = make(tmp_path / 'street_data')
    call = ['--data', str(root), '--out', str(tmp_path / 'street.py')]
    before = files(root)
    for options in ([], ['--force']):
        assert main([*call, *options]) == 2
        assert 'street_data would be written to, but holds images' in capsys.readouterr().err
        assert files(root) == before
    inner = root.rename(tmp_path / 'moved').rename(tmp_path / 'street_data') / 'masks'
    for path in (root / 'images').iterdir():
        path.rename(inner / f'{path.stem}_image{path.suffix}')
    (root / 'images').rmdir()
    before = files(root)
    assert main(['--data', str(inner), *call[2:], '--force']) == 2
    assert 'but holds the data' in capsys.readouterr().err
    assert files(root) == before


def test_a_call_that_fails_leaves_what_the_earlier_one_wrote(tmp_path: Path) -> None:
    call = ['--data', str(make(tmp_path / 'own')), '--out', str(tmp_path / 'mine.py')]
    assert main(call) == 0
    before = files(tmp_path)
    assert main([*call, '--force', '--crop', '40']) == 2
    assert main([*call, '--force', '--classes', 'a,b']) == 2
    assert files(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ['mine.py', 'mine_data', 'own']


def test_files_without_partner_are_left_out_and_named(tmp_path: Path) -> None:
    root = make(tmp_path / 'own')
    (root / 'masks' / 'street3.png').unlink()
    (root / 'images' / 'street4.png').unlink()
    (root / 'images' / 'notes.txt').touch()
    found = pair(root / 'images', root / 'masks')
    assert found.ids == tuple(name for name in NAMES if name not in ('street3', 'street4'))
    assert 'street3.png' in found.notes[0]
    assert 'street4.png' in found.notes[1]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'frames').mkdir()
    with pytest.raises(UserError, match=r'holds frames; known are'):
        find_layout(tmp_path)
    root = make(tmp_path / 'own')
    shutil.rmtree(root / 'masks')
    draw(tmp_path / 'x.png', root / 'masks' / 'other.png')
    with pytest.raises(UserError, match=r'street0\.png.*other\.png'):
        find_layout(root)
    (root / 'masks' / 'other.png').rename(root / 'masks' / 'street0.mat')
    with pytest.raises(UserError, match=r'no picture, but street0\.mat'):
        find_layout(root)


def test_the_split_is_random_and_always_the_same() -> None:
    every = Pairs(Path(), Path(), ('.jpg',), ('.png',), tuple(f'{i:03}' for i in range(100)))
    train, val = divide(every, 0.2)
    assert (len(train.ids), len(val.ids)) == (80, 20)
    assert {*train.ids, *val.ids} == {*every.ids}
    more = Pairs(Path(), Path(), ('.jpg',), ('.png',), (*every.ids, 'later'))
    assert len({*divide(more, 0.2)[1].ids} & {*val.ids}) >= 19
    assert max(int(b) - int(a) for a, b in zip(val.ids, val.ids[1:], strict=False)) > 5
    with pytest.raises(UserError, match='at least 2'):
        divide(Pairs(Path('here'), Path(), ('.jpg',), ('.png',), ('one',)), 0.2)


def test_the_plan_of_camvid_is_the_one_that_was_measured() -> None:
    """configs/deeplabv3plus_xception_camvid and ...-coral_camvid, chosen by hand."""
    scratch = make_plan((360, 480), 367, pretrained=False, normed=True)
    assert (scratch.batch_size, scratch.rate, scratch.test_size) == (8, 2e-3, (369, 481))
    assert 9_000 <= scratch.steps <= 10_000
    fine = make_plan((360, 480), 367, pretrained=True, normed=True, crop=321)
    assert (fine.crop, fine.rate, fine.steps) == (321, 1e-3, 1500)
    assert make_plan((375, 500), 1_464, False, True).crop == 369
    assert make_plan((3000, 4000), 5_000, False, True).steps == 30_000
    with pytest.raises(UserError, match='20 x 30'):
        make_plan((30, 20), 9, False, True)


def test_versions_and_backbones_are_those_of_the_configs() -> None:
    assert {'v1', 'v2', 'v3', 'v3plus', 'lraspp'} == set(available())
    assert find_network('v3', 'r50').name == 'deeplabv3_r50_voc'
    assert find_network('v3plus', 'xception').norms == ('backbone', 'neck', 'decode_head')
    assert find_network('v2', 'r101').norms == ()


@pytest.mark.slow
def test_the_config_trains(
    tmp_path: Path, forked: Callable[..., subprocess.CompletedProcess]
) -> None:
    make(tmp_path / 'own')
    done = forked('new_config.py', '--data', 'own', '--out', 'mine.py', cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    steps = ['train_cfg.max_iters=2', *(f'{s}_dataloader.num_workers=0' for s in ('train', 'val')),
             *(f'{s}_dataloader.persistent_workers=False' for s in ('train', 'val'))]  # fmt: skip
    done = forked('train.py', 'mine.py', '--cfg-options', *steps, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'class_1' in done.stdout
    assert list((tmp_path / 'work_dirs' / 'mine').glob('iter_2.*'))
