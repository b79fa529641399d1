"""Folders segmented twice: what is there stays while it is of its input; a bad one ends none."""

import io
import os
import re
import resource
import shutil
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmdeeplab.errors import UserError
from mmdeeplab.inference.files import segment_files
from mmdeeplab.inference.images import read_picture
from mmdeeplab.inference.inputs import Input, find_inputs
from mmdeeplab.inference.outputs import Outputs, source_of
from mmdeeplab.inference.segmentation import Segmentation
from mmdeeplab.picture_threads import AHEAD, MOST

SETTINGS = dict(model='a')


class Darkness:
    """Stands for a network: the label of a pixel is its red value."""

    shares_cores = True

    def __init__(self) -> None:
        self.seen = 0

    def batch(self, pictures: list[np.ndarray]) -> list[Segmentation]:
        self.seen += len(pictures)
        return [Segmentation(p, p[..., 0], [str(i) for i in range(256)], COLOURS) for p in pictures]

    def read(self, path: Path) -> np.ndarray:
        return read_picture(path)

    def padded_size(self, picture: np.ndarray) -> tuple[int, ...]:
        return picture.shape[:2]

    def require_scores(self, picture: np.ndarray, *_: object) -> None:
        """Labels are all that these tests save."""


COLOURS = [(i, i, i) for i in range(256)]


def grey(value: int, kind: str = '.bmp') -> bytes:
    file = io.BytesIO()
    format = {'.bmp': 'BMP', '.gif': 'GIF', '.jpg': 'JPEG'}[kind]
    Image.fromarray(np.full((4, 6, 3), value, np.uint8)).save(file, format)
    return file.getvalue()


class Place(SimpleNamespace):
    """A folder of pictures and one of masks."""

    form = 'png'

    def run(self, *inputs: str, settings: dict = SETTINGS, overwrite: bool = False) -> int:
        """How many were segmented; sentences of the others are in ``failed``."""
        network = Darkness()
        given = [str(self.root / one) for one in inputs or ['in']]
        found, _ = find_inputs(given)
        form = self.form
        outputs = Outputs(self.out, self.outputs, settings, overwrite, overlay_format=form)
        self.failed = segment_files(network, found, outputs, 2)
        return network.seen

    def mask(self, name: str = 'a') -> int:
        return int(np.array(Image.open(self.out / f'masks/{name}.png')).max())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / 'in').mkdir()
    place = Place(root=tmp_path, out=tmp_path / 'out', picture=tmp_path / 'in/a.bmp', failed=[])
    place.outputs = ['masks', 'overlay']
    place.picture.write_bytes(grey(1))
    assert place.run() == 1
    assert place.mask() == 1
    return place


def set_back(path: Path, data: bytes) -> None:
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(place: Place) -> None:
    place.picture.write_bytes(grey(2))


def replaced_with_its_time(place: Place) -> None:
    set_back(place.picture, grey(2))


def replaced_by_a_copy(place: Place) -> None:
    other = place.root / 'other.bmp'
    other.write_bytes(grey(2))
    status = place.picture.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(place.picture)


def another_folder(place: Place) -> None:
    place.picture.parent.rename(place.root / 'before')
    place.picture.parent.mkdir()
    place.picture.write_bytes(grey(2))
    status = (place.root / 'before/a.bmp').stat()
    os.utime(place.picture, ns=(status.st_atime_ns, status.st_mtime_ns))


def another_suffix(place: Place) -> None:
    place.picture.unlink()
    (place.root / 'in/a.gif').write_bytes(grey(2, '.gif'))


def a_link(place: Place) -> None:
    (place.root / 'b.bmp').write_bytes(grey(2))
    place.picture.unlink()
    place.picture.symlink_to(place.root / 'b.bmp')


@pytest.mark.parametrize(
    'change',
    [replaced, replaced_with_its_time, replaced_by_a_copy, another_folder, another_suffix, a_link],
)
def test_a_mask_is_of_the_picture_that_is_there(change: object, place: Place) -> None:
    change(place)  # type: ignore[operator]
    assert place.run() == 1
    assert place.mask() == 2
    assert place.run() == 0


def broken(place: Place) -> None:
    place.picture.write_bytes(b'no picture')


def broken_film(place: Place) -> None:
    film(place.root / 'in/a.avi', 3, 50)
    place.picture.unlink()
    place.run()
    (place.root / 'in/a.avi').write_bytes(b'no film')


@pytest.mark.parametrize('change', [broken, broken_film])
def test_what_cannot_be_segmented_now_has_no_mask_of_before(change: object, place: Place) -> None:
    change(place)  # type: ignore[operator]
    place.run()
    (told,) = place.failed
    assert told.endswith('results of what was there before are removed')
    kept = [path for path in place.out.rglob('a*') if path.is_file()]
    assert len(kept) == (2 if change is broken_film else 0)  # those of the picture that was there
    place.run()
    assert 'removed' not in place.failed[0]


def test_a_picture_that_cannot_be_opened_keeps_its_mask(place: Place) -> None:
    place.picture.unlink()
    place.picture.symlink_to('a.bmp')
    place.run()
    assert len(place.failed) == 1
    assert place.mask() == 1


@pytest.mark.parametrize('name', ['a.bmp', 'a.avi'])
def test_no_kind_is_of_what_was_there_before(place: Place, name: str) -> None:
    path = place.root / 'in' / name
    place.picture.unlink()
    shutil.rmtree(place.out)
    for value in (50, 200):
        place.outputs = ['masks', 'overlay'] if value == 50 else ['color']
        film(path, 3, value) if path.suffix == '.avi' else path.write_bytes(grey(value))
        place.run()
    made = {file.relative_to(place.out).parts[0] for file in place.out.rglob('*/**/*.*')}
    assert made == {'color'}


def test_overlays_as_jpeg(place: Place) -> None:
    """Also: what lies there in the other format is of the same picture, or removed."""
    place.form = 'jpeg'
    assert place.run() == 1
    assert {path.name for path in (place.out / 'overlay').iterdir()} == {'a.png', 'a.jpg'}
    assert place.run() == 0
    place.picture.write_bytes(grey(2))
    assert place.run() == 1
    (made,) = (place.out / 'overlay').iterdir()
    assert Image.open(made).format == 'JPEG'


def test_masks_of_another_calibration_are_made_again(place: Place) -> None:
    """Not refused: a folder that grows has other pictures to calibrate by."""
    for calibration, made in (('a', 1), ('a', 0), ('b', 1)):
        assert place.run(settings=SETTINGS | dict(calibration_sha256=calibration)) == made


def touched(place: Place) -> None:
    place.picture.touch()


def moved(place: Place) -> None:
    place.picture.parent.rename(place.root / 'there')
    (place.root / 'in').symlink_to(place.root / 'there')


def copied(place: Place) -> None:
    data = place.picture.read_bytes()
    place.picture.unlink()
    place.picture.write_bytes(data)


def results_moved(place: Place) -> None:
    place.out.rename(place.root / 'results')
    place.out = place.root / 'results'


def nothing(place: Place) -> None:
    pass


@pytest.mark.parametrize('change', [nothing, touched, moved, copied, results_moved])
def test_the_same_picture_is_not_segmented_again(change: object, place: Place) -> None:
    change(place)  # type: ignore[operator]
    assert place.run() == 0
    assert place.mask() == 1


def cut(place: Place) -> None:
    file = place.out / 'masks/a.png'
    file.write_bytes(file.read_bytes()[:-3])


def emptied(place: Place) -> None:
    (place.out / 'overlay/a.png').write_bytes(b'')


def removed(place: Place) -> None:
    (place.out / 'masks/a.png').unlink()


def of_an_older_version(place: Place) -> None:
    (place.out / 'predict.jsonl').unlink()


def record_cut(place: Place) -> None:
    file = place.out / 'predict.jsonl'
    file.write_text(file.read_text()[:-5])


def record_names_no_file(place: Place) -> None:
    file = place.out / 'predict.jsonl'
    file.write_text(re.sub('"file": ("[^"]*")', r'"file": [\1]', file.read_text()))


@pytest.mark.parametrize(
    'damage', [cut, emptied, removed, of_an_older_version, record_cut, record_names_no_file]
)
def test_what_is_not_whole_is_made_again(damage: object, place: Place) -> None:
    damage(place)  # type: ignore[operator]
    assert place.run() == 1
    assert place.run() == 0
    assert place.mask() == 1


def test_settings(place: Place) -> None:
    with pytest.raises(UserError, match='another model'):
        place.run(settings=dict(model='b'))
    (place.root / 'in/b.bmp').write_bytes(b'')
    place.run(settings=dict(model='b'), overwrite=True)
    place.run(settings=dict(model='a'), overwrite=True)
    (place.out / 'predict.json').write_text('{"model": "b"}')  # as if the last had been killed
    assert place.run(settings=dict(model='b')) == 1
    (place.out / 'predict.json').write_text('{"mod')
    with pytest.raises(UserError, match='--overwrite'):
        place.run()
    assert place.run(overwrite=True) == 1


@pytest.mark.parametrize('theirs', ['masks/a.png', 'masks/other/b.txt', 'coco.json'])
def test_files_that_are_no_predictions_stay(theirs: str, tmp_path: Path) -> None:
    """As of ``predict data/images --out data`` where ``data/masks`` was drawn by hand."""
    file = tmp_path / theirs
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('by hand')
    (tmp_path / 'overlay').mkdir()
    (tmp_path / 'overlay/.DS_Store').touch()
    Outputs(tmp_path, ['overlay'], SETTINGS)
    before = (tmp_path / 'predict.json').read_text()
    with pytest.raises(UserError, match=f'{re.escape(theirs)} is not of predict'):
        Outputs(tmp_path, ['overlay', 'masks', 'coco'], SETTINGS)
    assert file.read_text() == 'by hand'
    assert (tmp_path / 'predict.json').read_text() == before
    Outputs(tmp_path, ['masks', 'coco'], SETTINGS, overwrite=True)
    Outputs(tmp_path, ['overlay', 'masks', 'coco'], SETTINGS)
    (tmp_path / 'color').mkdir()
    (tmp_path / 'color/mine.png').touch()
    with pytest.raises(UserError, match='mine'):
        Outputs(tmp_path, ['color'], SETTINGS)


def test_bad_ones_are_told_and_the_others_done(place: Place) -> None:
    """Also: two of one name in two folders, a name that leaves no room for .png, a GIF."""
    folder = place.root / 'in'
    long = folder / ('n' * 253 + '.j')
    long.write_bytes(grey(3))
    (folder / ('m' * 251 + '.bmp')).write_bytes(grey(4))
    (folder / 'html.jpg').write_text('<html>')
    (folder / 'empty.png').touch()
    (folder / 'sub').mkdir()
    (folder / 'sub/a.gif').write_bytes(grey(5, '.gif'))
    (folder / 'dir.bmp').write_bytes(grey(6))
    (place.out / 'masks/dir.png').mkdir()
    (folder / 'x\n\x1b[31my.jpg').write_bytes(b'no')
    place.run('in', f'in/{long.name}')
    assert len(place.failed) == 5
    told = '\n'.join(place.failed)
    for words in (
        'html.jpg is not a picture',
        'empty.png is empty',
        'File name too long',
        'dir.bmp',
    ):
        assert words in told
    assert place.mask('sub/a') == 5
    assert place.mask('m' * 251) == 4
    assert not list(place.root.rglob('.tmp-*'))


def test_a_full_disk_ends_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'replace', full)
    (place.root / 'in/b.bmp').write_bytes(grey(1))
    with pytest.raises(UserError, match='No space left'):
        place.run()


def film(path: Path, frames: int, value: int, code: str = 'MJPG', noise: int = 1) -> None:
    plain = path.with_name(f'plain{path.suffix}')  # which OpenCV can write
    writer = cv2.VideoWriter(str(plain), cv2.VideoWriter.fourcc(*code), 5, (32, 32))
    generator = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(generator.integers(value, value + noise, (32, 32, 3)).astype(np.uint8))
    writer.release()
    plain.rename(path)


def test_films(place: Place) -> None:
    path = place.root / 'in/f.avi'
    film(path, 3, 50)
    assert place.run() == 3
    assert place.run() == 0
    film(path, 2, 100)
    assert place.run() == 2
    frames = sorted(p.name for p in (place.out / 'masks/f').iterdir())
    assert frames == ['000001.png', '000002.png', 'video.json']
    assert abs(place.mask('f/000002') - 100) < 9
    (place.out / 'overlay/f.mp4').write_bytes(b'cut')
    assert place.run() == 2


@pytest.mark.parametrize('target', ['nowhere.avi', 'f.avi'])
def test_a_film_that_cannot_be_opened_is_told_and_the_others_done(
    place: Place, target: str
) -> None:
    """A link to nothing, and one to itself."""
    (place.root / 'in/f.avi').symlink_to(target)
    film(place.root / 'in/good.avi', 3, 50)
    place.run()
    (sentence,) = place.failed
    assert 'in/f.avi' in sentence
    assert len(list((place.out / 'masks/good').glob('*.png'))) == 3


def test_a_film_that_is_removed_meanwhile_is_told(place: Place) -> None:
    film(place.root / 'in/f.avi', 3, 50)
    inputs, _ = find_inputs([str(place.root / 'in')])
    (place.root / 'in/f.avi').unlink()
    outputs = Outputs(place.out, place.outputs, SETTINGS)
    (sentence,) = segment_files(Darkness(), inputs, outputs, 2)
    assert 'f.avi is missing' in sentence


@pytest.mark.parametrize(
    ('name', 'frames'), [('12:30.mp4', 3), ('a%02d.mp4', 3), (os.fsdecode(b'\xff.mp4'), None)]
)
def test_film_names_that_ffmpeg_would_misunderstand(
    name: str, frames: int | None, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name with a colon, a pattern of numbers, and one that is not UTF-8."""
    film(place.root / f'in/{name}', 3, 50, 'mp4v')
    monkeypatch.chdir(place.root / 'in')
    found, _ = find_inputs([name])
    outputs = Outputs(place.out, ['masks'], SETTINGS)
    failed = segment_files(Darkness(), found, outputs, 2)
    if frames is None:
        assert ['not UTF-8' in sentence for sentence in failed] == [True]
    else:
        assert not failed
        assert len(list((place.out / f'masks/{Path(name).stem}').glob('*.png'))) == frames


def test_a_film_on_a_full_disk_ends_the_run(place: Place) -> None:
    """OpenCV writes on as if nothing were; the system stops it at a number of bytes."""
    film(place.root / 'in/f.avi', 99, 50, noise=200)
    (place.root / 'in/a.bmp').unlink()
    place.outputs = ['overlay']
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
    try:
        with pytest.raises(UserError, match=r'cannot write .*f\.mp4: .*full disk'):
            place.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in (place.out / 'overlay').iterdir()] == ['a.png']
    place.run()
    assert place.failed == []


def test_a_film_that_is_cut_is_told(place: Place, capsys: pytest.CaptureFixture) -> None:
    film(place.root / 'in/f.avi', 9, 50, noise=200)
    data = (place.root / 'in/f.avi').read_bytes()
    (place.root / 'in/f.avi').write_bytes(data[: len(data) // 2])
    place.run()
    assert re.search(r'f\.avi: [1-8] frames, where its header tells of 9', capsys.readouterr().out)


class Fastidious(Darkness):
    """Fails on pictures with 77 in them."""

    error: Exception = UserError('the logits of an image are not finite')

    def batch(self, pictures: list[np.ndarray]) -> list[Segmentation]:
        if any(abs(picture - 77.0).min() < 3 for picture in pictures):
            raise self.error
        return super().batch(pictures)


@pytest.mark.parametrize(
    ('error', 'words'),
    [
        (UserError('the logits of an image are not finite'), 'not finite'),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 'no memory'),
        (torch.OutOfMemoryError('CUDA out of memory'), 'no memory'),
    ],
)
def test_a_picture_without_an_answer_ends_none(error: Exception, words: str, place: Place) -> None:
    for name, value in dict(b=3, c=77, d=5).items():
        (place.root / f'in/{name}.bmp').write_bytes(grey(value))
    film(place.root / 'in/bad.avi', 2, 77)
    film(place.root / 'in/good.avi', 2, 9)
    network = Fastidious()
    network.error = error
    found, _ = find_inputs([str(place.root / 'in')])
    failed = segment_files(network, found, Outputs(place.out, ['masks'], SETTINGS), 4)
    assert [re.search(r'in/(\w+)\.', sentence)[1] for sentence in failed] == ['c', 'bad']  # type: ignore[index]
    assert all(words in sentence for sentence in failed)
    assert (place.mask('b'), place.mask('d')) == (3, 5)
    assert (place.out / 'masks/good/000002.png').exists()


def test_a_network_without_any_answer_ends_the_run(place: Place) -> None:
    for number in range(40):
        (place.root / f'in/{number}.bmp').write_bytes(grey(77))
    (place.root / 'in/a.bmp').unlink()
    found, _ = find_inputs([str(place.root / 'in')])
    with pytest.raises(UserError, match='not finite'):
        segment_files(Fastidious(), found, Outputs(place.out, ['masks'], SETTINGS), 4)


def test_what_is_printed(place: Place, capsys: pytest.CaptureFixture) -> None:
    place.run()
    said = capsys.readouterr().out
    assert re.search(r'^0 of 1 inputs segmented into .*/out \(1 were there already\)$', said, re.M)


def test_a_folder_of_100_000_files(place: Place) -> None:
    """The first results are there at once; of the others only names are held."""
    for half in range(2):  # file systems take some 65,000 links to one file
        (place.root / f'in/{half}').mkdir()
        source = place.root / f'in/{half}/first.bmp'
        source.write_bytes(grey(7))
        for number in range(50_000 - 1):
            os.link(source, place.root / f'in/{half}/{number}.bmp')
    start = time.process_time()
    tracemalloc.start()
    found, _ = find_inputs([str(place.root / 'in')])
    assert len(found) == 100_001
    assert tracemalloc.get_traced_memory()[0] < 100 * 100_000
    tracemalloc.stop()
    assert time.process_time() - start < 10
    network = Tired(30)
    with pytest.raises(RuntimeError, match='tired'):
        segment_files(network, found, Outputs(place.out, ['masks'], SETTINGS), 1)
    assert network.read_files <= 30 + MOST + AHEAD
    assert len(list((place.out / 'masks').rglob('*.png'))) >= 30 - MOST
    assert time.process_time() - start < 15


class Tired(Darkness):
    """Ends after some pictures."""

    def __init__(self, pictures: int) -> None:
        super().__init__()
        self.left, self.read_files = pictures, 0

    def read(self, path: Path) -> np.ndarray:
        self.read_files += 1
        return super().read(path)

    def batch(self, pictures: list[np.ndarray]) -> list[Segmentation]:
        self.left -= 1
        if self.left < 0:
            raise RuntimeError('tired')
        return super().batch(pictures)


def test_the_record_of_many_files_takes_little_memory(place: Place) -> None:
    outputs = Outputs(place.out, ['masks'], SETTINGS)
    source = source_of(place.picture)
    tracemalloc.start()
    for number in range(2000):
        outputs.keep([place.out / f'masks/{number}.png'], source)
    assert tracemalloc.get_traced_memory()[0] < 250 * 2000
    tracemalloc.stop()
    again = Outputs(place.out, ['masks'], SETTINGS)
    assert again.done(Input(place.picture, 'a'))
