"""What is segmented when a person names files, folders and patterns, and how it is called."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from mmdeeplab.errors import UserError
from mmdeeplab.inference.inputs import find_inputs


def lay(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path, *inputs: str) -> list[str]:
    given = [str(root / one) for one in inputs]
    return [one.name for one in find_inputs(given)[0]]


FILES = ('a.jpg', 'b.png', 'notes.txt', 'c/a.jpg', 'c/d/a.JPG', 'c/e.gif', 'c/f.mp4', '._a.jpg')


@pytest.mark.parametrize(
    ('inputs', 'expected'),
    [
        ([''], ['a', 'b', 'c/a', 'c/e', 'c/f', 'c/d/a']),
        (['*.png'], ['b']),
        (['a.jpg'], ['a']),
        (['notes.txt'], ['notes']),
        (['c'], ['a', 'e', 'f', 'd/a']),
        (['*'], ['a', 'b', 'c/a', 'c/e', 'c/f', 'c/d/a', 'notes']),
        (['c/d', 'a.jpg'], ['c/d/a', 'a']),
        (['a.jpg', 'c/a.jpg'], ['a', 'c/a']),
        (['c/*/*', 'c/a.jpg'], ['d/a', 'a']),
        (['a.jpg', '', 'a.jpg'], ['a', 'b', 'c/a', 'c/e', 'c/f', 'c/d/a']),
    ],
)
def test_names(inputs: list[str], expected: list[str], tmp_path: Path) -> None:
    lay(tmp_path, *FILES)
    assert sorted(names(tmp_path, *inputs)) == sorted(expected)


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    lay(tmp_path, *FILES, 'c/.DS_Store', 'Thumbs.db', 'x', '__MACOSX/a.jpg', '.hidden/a.jpg')
    passed = find_inputs([str(tmp_path)])[1]
    assert passed == Counter({'.txt': 1, "of the system's own": 5, 'without suffix': 1})
    lay(tmp_path, 't/a.txt', 't/b.txt')
    with pytest.raises(UserError, match=r'no image or video at .*/t; passed over: 2 \.txt'):
        find_inputs([str(tmp_path / 't')])


def test_predictions_are_passed_over(tmp_path: Path) -> None:
    lay(tmp_path, 'a.jpg', 'predict.json', 'masks/a.png', 'b/prob/a.png', 'out/c/predict.json')
    lay(tmp_path, 'out/c/masks/d/a.png', 'out/masks/e.png')
    assert names(tmp_path, '') == ['a', 'b/prob/a', 'out/masks/e']
    assert find_inputs([str(tmp_path)])[1]['predictions'] == 2
    assert names(tmp_path, 'out/c/masks') == ['d/a']  # asked for by name


@pytest.mark.parametrize(
    'clash',
    [('a.jpg', 'a.png'), ('c/a.jpg', 'c/a.JPG'), ('f.mp4', 'f/000001.jpg'), ('f.mp4', 'f.jpg')],
)
def test_two_results_in_one_file_are_refused_by_name(clash: tuple, tmp_path: Path) -> None:
    lay(tmp_path, *clash)
    with pytest.raises(UserError, match='one file') as told:
        names(tmp_path, '')
    assert all(name in str(told.value) for name in clash)


def test_no_image_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'no image or video at .*gone\*'):
        names(tmp_path, 'gone*')


def test_time_is_linear(tmp_path: Path) -> None:
    for number in range(20_000):
        os.close(os.open(tmp_path / f'{number}.jpg', os.O_CREAT | os.O_WRONLY))
    start = time.process_time()
    assert len(names(tmp_path, '')) == 20_000
    assert time.process_time() - start < 4


def test_arrays_are_taken_where_there_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / 'a.npy').write_bytes(b'')
    inputs, passed = find_inputs([str(tmp_path)])
    assert [one.name for one in inputs] == ['a']
    (tmp_path / 'b.png').write_bytes(b'')
    inputs, passed = find_inputs([str(tmp_path)])
    assert [one.name for one in inputs] == ['b']
    assert passed['.npy'] == 1
