"""Only regular files of a bounded size are opened; what systems leave in folders is passed over."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from broken import bind_socket, sparse
from PIL import Image

from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.config.bases import chain
from mmdeeplab.config.shipped import find_config
from mmdeeplab.datasets.check.colour_list import read_colours
from mmdeeplab.datasets.class_names import read_classes
from mmdeeplab.datasets.discovery.look import class_names
from mmdeeplab.datasets.split_list import read_split
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import list_files, read_bytes
from mmdeeplab.inference.files import readable
from mmdeeplab.inference.images import read_picture
from mmdeeplab.inference.inputs import Input
from mmdeeplab.inference.outputs import Outputs
from mmdeeplab.inference.video import frames
from mmdeeplab.report.compare import read_metrics
from mmdeeplab.serve.examples import from_folder
from mmdeeplab.serve.limits import RequestLimits
from mmdeeplab.weights.converters import caffe, tf, tflite
from mmdeeplab.weights.resolve import find_checkpoint

NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    'named pipe': (os.mkfifo, 'a named pipe'),
    'folder': (Path.mkdir, 'a folder'),
    'socket': (bind_socket, 'a socket'),
    'endless device': (lambda path: path.symlink_to('/dev/zero'), 'a device'),
    'empty device': (lambda path: path.symlink_to('/dev/null'), 'a device'),
    'loop': (lambda path: path.symlink_to(path.name), 'leads back to itself'),
    'long loop': (
        lambda path: (path.symlink_to('other'), path.with_name('other').symlink_to(path.name)),
        'leads back to itself',
    ),
    'terabyte': (sparse, 'too large'),
    'dangling link': (lambda path: path.symlink_to('nowhere'), 'missing'),
}

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    'picture': ('x.jpg', read_picture),
    'list': ('train.txt', read_split),
    'classes': ('classes.txt', read_classes),
    'colours': ('colours.txt', read_colours),
    'checkpoint': ('w.safetensors', read_checkpoint),
    'pth': ('w.pth', read_checkpoint),
    'video': ('x.mp4', lambda path: next(frames(path))),
    'config': ('c.py', lambda path: list(chain(path))),
    'named config': ('c.py', lambda path: find_config(str(path))),
    'named checkpoint': ('w.pth', lambda path: find_checkpoint(str(path))),
    'metrics': ('metrics.json', lambda path: read_metrics(path)),
    'record of predictions': ('predict.json', lambda path: Outputs(path.parent, ['masks'], {})),
    'classes of a folder': ('classes.txt', lambda path: class_names(path.parent, '', {0})),
    'tflite': ('x.tflite', tflite.read),
    'frozen graph': ('x.pb', tf.read),
    'caffemodel': ('x.caffemodel', caffe.read),
    'served examples': ('x.jpg', lambda path: from_folder(path.parent, RequestLimits())),
}


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('thing', NO_FILES)
def test_what_is_no_file_is_one_sentence_at_once(tmp_path: Path, thing: str, reader: str) -> None:
    make, words = NO_FILES[thing]
    name, read = READERS[reader]
    if thing == 'terabyte' and reader in (
        'checkpoint',
        'pth',
        'video',
        'named config',
        'named checkpoint',
    ):
        pytest.skip('their programs map or stream the file')
    if thing == 'folder' and reader in ('metrics', 'named checkpoint'):
        pytest.skip('they look into a folder')
    path = tmp_path / name
    make(path)
    with pytest.raises(UserError, match=words) as error:
        read(path)
    assert name in str(error.value)
    assert '\n' not in str(error.value)


def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'x.jpg'
    path.touch(0o000)
    if os.access(path, os.R_OK):
        pytest.skip('this user may read everything')
    with pytest.raises(UserError, match=r'x\.jpg cannot be read: Permission denied'):
        read_bytes(path)


@pytest.mark.parametrize('name', ['a\0b.jpg', 'n' * 5000 + '.jpg', 'x.jpg/y.jpg', ''])
def test_impossible_names_are_sentences(tmp_path: Path, name: str) -> None:
    (tmp_path / 'x.jpg').touch()
    with pytest.raises(UserError):
        read_bytes(f'{tmp_path}/{name}')


def test_bad_files_do_not_keep_good_ones(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / 'good.png')
    os.mkfifo(tmp_path / 'pipe.png')
    inputs = [Input(tmp_path / name, name) for name in ('pipe.png', 'good.png')]
    assert len(readable(inputs, 2, read_picture)) == 1


@pytest.mark.parametrize(
    ('total', 'expected'),
    [(3, [0, 1, 2]), (8, [*range(8)]), (15, [0, 1, 3, 5, 7, 9, 11, 13]), (80, [*range(0, 80, 10)])],
)
def test_a_few_pictures_are_spread_over_all(total: int, expected: list[int]) -> None:
    """Films do not count."""
    inputs = [Input(Path(name), name) for i in range(total) for name in (f'{i}.png', f'{i}.mp4')]
    pictures = readable(inputs, 8, lambda path: np.array(int(path.stem)))
    assert [int(picture) for picture in pictures] == expected


def test_what_systems_leave_is_passed_over(tmp_path: Path) -> None:
    pictures = ['a.jpg', 'B.JPG', '.c.png', 'sub/d.tif', 'sub/deep/e.webp', 'f.g.jpeg', '-h.bmp']
    system = ['._a.jpg', '.DS_Store', 'Thumbs.db', 'sub/._d.tif', 'sub/desktop.ini']
    hidden = ['__MACOSX/a.jpg', '.hidden/b.jpg', 'sub/.ipynb_checkpoints/d.tif', '@eaDir/x.jpg']
    others = ['notes.txt', 'moving.gif', 'sub/jpg', '.jpg']
    for name in (*pictures, *system, *hidden, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'again').symlink_to(tmp_path)  # a folder that holds itself
    (tmp_path / 'loop').symlink_to('loop')
    everything = list_files(tmp_path, recurse=True)
    assert everything.names == tuple(sorted(pictures))
    folders = {f'{name.rpartition("/")[0]}/' for name in hidden}
    assert set(everything.system) == {*system, *folders}
    assert set(everything.others) == {*others, 'loop'}
    flat = list_files(tmp_path)
    assert flat.names == tuple(sorted(name for name in pictures if '/' not in name))
    assert '__MACOSX/' in flat.system


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='nowhere'):
        list_files(tmp_path / 'nowhere')
