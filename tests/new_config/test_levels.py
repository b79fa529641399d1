"""Masks of grey levels and with soft edges are refused with what was found, and mended as said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmdeeplab.cli.check_dataset import main as check_dataset
from mmdeeplab.cli.new_config import main
from mmdeeplab.datasets.check.levels import ids_of_levels

COUNT = 6
SIZE = (96, 80)


def ids_of(number: int, classes: int = 3) -> np.ndarray:
    """(80, 96) ids: rectangles of each class on the class 0."""
    ids = np.zeros(SIZE[::-1], np.uint8)
    rng = np.random.default_rng(number)
    for label in range(1, classes):
        y, x = rng.integers(0, 50), rng.integers(0, 66)
        ids[y : y + 25, x : x + 25] = label
    return ids


def grey(*levels: int) -> Callable[[np.ndarray], Image.Image]:
    return lambda ids: Image.fromarray(np.array(levels, np.uint8)[ids % len(levels)])


def soft(ids: np.ndarray, levels: tuple[int, ...]) -> Image.Image:
    half = tuple(side // 2 for side in SIZE)
    return grey(*levels)(ids).resize(half, 2).resize(SIZE, 2)


def of_16_bits(ids: np.ndarray) -> Image.Image:
    return Image.fromarray(np.array([0, 30000, 60000], np.uint16)[ids])


def of_fractions(ids: np.ndarray) -> Image.Image:
    return Image.fromarray((ids > 0).astype(np.float32))


def put(root: Path, make: Callable[[np.ndarray], Image.Image], suffix: str = 'png') -> None:
    for i in range(COUNT):
        for folder in ('images', 'masks'):
            (root / folder).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 255, (*SIZE[::-1], 3), np.uint8)
        Image.fromarray(noise).save(root / f'images/p{i}.jpg')
        make(ids_of(i)).save(root / f'masks/p{i}.{suffix}')


# how the masks are written, what the message says, how the ids follow from the drawn ones
LEVELS: dict[str, tuple[Callable, str, tuple[int, ...], str]] = {
    '0, 128, 255': (grey(0, 128, 255), '0 -> 0, 128 -> 1, 255 -> 2', (0, 1, 2), 'png'),
    '0, 127, 255': (grey(0, 127, 255), '0 -> 0, 127 -> 1, 255 -> 2', (0, 1, 2), 'png'),
    '0, 127': (grey(0, 127), '0 -> 0, 127 -> 1', (0, 1, 0), 'png'),
    '0, 255': (grey(0, 255), '1 for 255', (0, 1, 0), 'png'),
    '0, 38, 75': (grey(0, 38, 75), '0 -> 0, 38 -> 1, 75 -> 2', (0, 1, 2), 'png'),
    '0, 38, void': (grey(0, 38, 255), '0 -> 0, 38 -> 1, 255 -> 255', (0, 1, 255), 'png'),
    '1, 2, 3': (grey(1, 2, 3), '1 -> 0, 2 -> 1, 3 -> 2', (0, 1, 2), 'png'),
    'a hole': (grey(0, 1, 3), '0 -> 0, 1 -> 1, 3 -> 2', (0, 1, 2), 'png'),
    'inverted': (grey(255, 128, 0), '0 -> 0, 128 -> 1, 255 -> 2', (2, 1, 0), 'png'),
    'grey RGB': (
        lambda ids: grey(0, 128, 255)(ids).convert('RGB'),
        '0 -> 0, 128 -> 1, 255 -> 2', (0, 1, 2), 'png',
    ),
    'grey RGBA': (
        lambda ids: grey(0, 128, 255)(ids).convert('RGBA'),
        '0 -> 0, 128 -> 1, 255 -> 2', (0, 1, 2), 'png',
    ),
    'ids in RGB': (
        lambda ids: grey(0, 1, 2)(ids).convert('RGB'), '0 -> 0, 1 -> 1, 2 -> 2', (0, 1, 2), 'png',
    ),
    'black and white in RGB': (
        lambda ids: grey(0, 255)(ids).convert('RGB'), '0 -> 0, 255 -> 1', (0, 1, 0), 'png',
    ),
    '16 bits': (of_16_bits, '0 -> 0, 30000 -> 1, 60000 -> 2', (0, 1, 2), 'png'),
    'fractions 0 and 1': (of_fractions, '0 -> 0, 1 -> 1', (0, 1, 1), 'tif'),
    'bitmaps': (grey(0, 128, 255), '0 -> 0, 128 -> 1, 255 -> 2', (0, 1, 2), 'bmp'),
}  # fmt: skip


def mended(tmp_path: Path) -> list[np.ndarray]:
    paths = sorted((tmp_path / 'mine_data/masks').rglob('*.png'), key=lambda path: path.name)
    return [np.array(Image.open(path)) for path in paths]


@pytest.mark.parametrize('name', LEVELS)
def test_grey_levels_are_refused_and_mended_as_said(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    make, said, ids, suffix = LEVELS[name]
    put(tmp_path / 'own', make, suffix)
    call = ['--data', str(tmp_path / 'own'), '--out', str(tmp_path / 'mine.py')]
    assert main(call) == 2
    error = capsys.readouterr().err
    assert said in error
    assert '--mend' in error
    assert len(error.splitlines()) == 1
    assert main([*call, '--mend']) == 0
    if name != '0, 255':
        assert f'mended: {said}' in capsys.readouterr().out
    drawn = [
        ids_of(i) % {'0, 127': 2, '0, 255': 2, 'black and white in RGB': 2}.get(name, 3)
        for i in range(COUNT)
    ]
    for found, expected in zip(mended(tmp_path), drawn, strict=True):
        np.testing.assert_array_equal(found, np.array(ids)[expected])
    classes = len({i for i in ids if i != 255})
    assert Config.fromfile(tmp_path / 'mine.py').model.decode_head.num_classes == classes


@pytest.mark.parametrize(
    ('levels', 'suffix', 'options'),
    [
        ((0, 255), 'png', {}),
        ((0, 128, 255), 'png', {}),
        ((0, 255), 'jpg', dict(quality=90)),
        ((0, 128, 255), 'jpg', dict(quality=75)),
        ((0, 255), 'jpg', dict(quality=30)),
    ],
    ids=str,
)
def test_soft_edges_are_named_and_get_a_neighbour(
    levels: tuple[int, ...],
    suffix: str,
    options: dict,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    root = tmp_path / 'own'
    put(root, lambda ids: grey(*levels)(ids))
    for i in range(COUNT):
        (root / f'masks/p{i}.png').unlink()
        mask = grey(*levels)(ids_of(i)) if suffix == 'jpg' else soft(ids_of(i), levels)
        mask.save(root / f'masks/p{i}.{suffix}', **options)
    call = ['--data', str(root), '--out', str(tmp_path / 'mine.py')]
    assert main(call) == 2
    error = capsys.readouterr().err
    assert ('soft edges' in error) == (suffix == 'png')
    assert '--mend' in error
    assert main([*call, '--mend']) == 0
    for i, found in enumerate(mended(tmp_path)):
        drawn = ids_of(i) % len(levels)
        assert (found == drawn).mean() > 0.95
        assert set(np.unique(found)) <= set(range(len(levels)))


def test_an_edge_between_two_classes_is_none_of_a_third() -> None:
    values = np.array([[0] * 6 + [100, 128, 170] + [255] * 6] * 9)
    values[:3, 0] = 128  # far away
    ids = ids_of_levels(values, {0: 0, 128: 1, 255: 2})
    assert set(ids[4, 3:]) == {0, 1, 2}  # 128 itself is a class
    values[:, 7] = 120
    assert set(ids_of_levels(values, {0: 0, 128: 1, 255: 2})[4, 3:]) == {0, 2}


def test_the_user_says_it_otherwise(tmp_path: Path) -> None:
    put(tmp_path / 'own', grey(0, 255))
    call = ['--data', str(tmp_path / 'own'), '--out', str(tmp_path / 'mine.py')]
    assert main([*call, '--mend', '--map', '0=1', '255=0']) == 0
    for i, found in enumerate(mended(tmp_path)):
        np.testing.assert_array_equal(found, 1 - ids_of(i) % 2)


LEGAL = {
    'contiguous': (grey(0, 1, 2), []),
    'contiguous and void': (grey(0, 1, 255), []),
    'named, the second never occurs': (grey(0, 2, 3), ['--classes', 'a,b,c,d']),
    'named, the first never occurs': (grey(1, 2, 3), ['--classes', 'a,b,c,d']),
    'named, the last never occurs': (grey(0, 1, 2), ['--classes', 'a,b,c,d,e']),
    'named in a file': (grey(0, 2, 5), 'a\nb\nc\nd\ne\nf\n'),
    'grey levels that are ids': (
        grey(0, 38, 75),
        ['--classes', ','.join(f'c{i}' for i in range(76))],
    ),
}


@pytest.mark.parametrize('name', LEGAL)
def test_rare_classes_are_not_refused(name: str, tmp_path: Path) -> None:
    make, how = LEGAL[name]
    put(tmp_path / 'own', make)
    if isinstance(how, str):
        (tmp_path / 'own/classes.txt').write_text(how)
    options = how if isinstance(how, list) else []
    call = ['--data', str(tmp_path / 'own'), '--out', str(tmp_path / 'mine.py')]
    assert main([*call, *options]) == 0


def test_a_class_of_val_alone_leaves_no_hole(tmp_path: Path) -> None:
    for split, levels in (('train', (0, 2, 3)), ('val', (0, 1, 2))):
        put(tmp_path / 'part', grey(*levels))
        (tmp_path / 'part').rename(tmp_path / split)
        (tmp_path / 'own').mkdir(exist_ok=True)
        (tmp_path / split).rename(tmp_path / 'own' / split)
    for path in (tmp_path / 'own/val/images').iterdir():
        noise = np.random.default_rng(hash(path.name) % 999).integers(
            0, 99, (*SIZE[::-1], 3), np.uint8
        )
        Image.fromarray(noise).save(path)
    assert main(['--data', str(tmp_path / 'own'), '--out', str(tmp_path / 'mine.py')]) == 0


def test_many_classes_are_not_taken_for_soft_edges(tmp_path: Path) -> None:
    """As ADE20K: 150 classes without names, each an area somewhere."""

    def many(ids: np.ndarray) -> Image.Image:
        tiles = np.arange(150).reshape(10, 15).repeat(8, 0).repeat(6, 1)[:80, :90]
        wide = np.zeros(SIZE[::-1], np.uint8)
        wide[:, :90] = tiles
        return Image.fromarray(wide)

    put(tmp_path / 'own', many)
    assert main(['--data', str(tmp_path / 'own'), '--out', str(tmp_path / 'mine.py')]) == 0
    assert Config.fromfile(tmp_path / 'mine.py').model.decode_head.num_classes == 150


def test_the_check_says_how_to_rename_grey_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    put(tmp_path / 'own', grey(0, 1, 2))
    call = ['--data', str(tmp_path / 'own'), '--out', str(tmp_path / 'mine.py')]
    assert main([*call, '--classes', 'a,b,c']) == 0
    for i in range(COUNT):
        grey(0, 128, 255)(ids_of(i)).save(tmp_path / f'own/masks/p{i}.png')
    capsys.readouterr()
    assert check_dataset([str(tmp_path / 'mine.py'), '--json', str(tmp_path / 'found.json')]) == 2
    assert '--fix OUT --map 128=1 255=2' in (tmp_path / 'found.json').read_text()
