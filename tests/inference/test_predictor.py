"""The predictor: any kind of picture, batches, videos, and what a result offers."""

import copy
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from networks import random_checkpoint
from PIL import Image
from places import ROOT

from mmdeeplab import DeepLabPredictor
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.pixels import Pixels
from mmdeeplab.errors import UserError
from mmdeeplab.inference import video
from mmdeeplab.inference.files import segment_files
from mmdeeplab.inference.images import read_as_stored, read_picture
from mmdeeplab.inference.inputs import Input
from mmdeeplab.inference.outputs import Outputs
from mmdeeplab.inference.segmentation import OUTPUTS, Segmentation
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette

SIDE = 65


@pytest.fixture(scope='module')
def cfg() -> Config:
    options = [f'model.data_preprocessor.test_size=({SIDE},{SIDE})']
    return load_config(
        str(ROOT / 'configs/lraspp_mobilenetv3-small_voc.py'), ConfigOptions(options)
    )


@pytest.fixture(scope='module')
def checkpoint(cfg: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(cfg, tmp_path_factory.mktemp('weights'))


@pytest.fixture(scope='module')
def predictor(cfg: Config, checkpoint: Path) -> DeepLabPredictor:
    return DeepLabPredictor(cfg, checkpoint, 'cpu')


@pytest.fixture
def cores() -> Iterator[Callable[[int], None]]:
    """Sets how many threads PyTorch computes with; set back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def picture(height: int = 40, width: int = 50, seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return np.ascontiguousarray(cv2.resize(small, (width, height)))


def test_a_foreground_of_one_channel(cfg: Config, tmp_path: Path) -> None:
    one = copy.deepcopy(cfg)
    one.model.decode_head.update(num_classes=2, out_channels=1, threshold=0.3)
    network = DeepLabPredictor(one, random_checkpoint(one, tmp_path), 'cpu', keep_logits=True)
    decode_head = network.model.module.decode_head
    decode_head.conv_seg.bias.data -= 1.5
    result = network(picture())
    assert result.probabilities.shape == (2, 40, 50)
    np.testing.assert_allclose(result.probabilities.sum(0), 1, atol=1e-6)
    assert np.array_equal(result.labels, result.probabilities[1] > 0.3)
    assert 0.05 < result.labels.mean() < 0.95
    assert result.confidence.min() < 0.9


def test_every_kind_of_picture_is_the_same_picture(tmp_path: Path) -> None:
    rgb = picture()
    path = tmp_path / 'a.png'
    Image.fromarray(rgb).save(path)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, 'PNG')
    chw = torch.from_numpy(rgb).permute(2, 0, 1)
    data = buffer.getvalue()
    files = (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data))
    for kind in (*files, Image.fromarray(rgb), rgb, chw, chw / 255):
        assert np.array_equal(read_picture(kind), rgb)
    with path.open('rb') as file:
        assert np.array_equal(read_as_stored(file, Pixels(3, 'uint8')), rgb)
    grey = rgb[..., 0]
    assert np.array_equal(read_picture(grey), np.stack([grey] * 3, 2))
    transparent = Image.fromarray(rgb).convert('RGBA')
    assert np.array_equal(read_picture(transparent), rgb)


@pytest.mark.parametrize(
    ('thing', 'words'),
    [
        (b'<html>', 'a web page'),
        (np.zeros((4, 4, 3), np.float32), 'uint8'),
        (np.zeros((4, 4, 4), np.uint8), r'\(4, 4, 4\)'),
        (np.zeros((0, 4, 3), np.uint8), r'\(0, 4, 3\)'),
        (torch.zeros(4, 4, 3), r'\(4, 4, 3\)'),
        (torch.full((3, 4, 4), 2.0), r'0\.\.1'),
        (7, 'int'),
        (io.StringIO('a.png'), "'rb'"),
        (io.BytesIO(b''), 'not a picture'),
        ('gone.jpg', r'gone\.jpg'),
        ('http://localhost/a.jpg', 'https'),
        (Image.new('RGB', (0, 0)), r'\(0, 0, 3\)'),
    ],
)
def test_what_is_no_picture_is_named(thing: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_picture(thing)


def test_labels_are_the_argmax_of_the_network(predictor: DeepLabPredictor) -> None:
    rgb = picture()
    result = predictor(rgb)
    x = torch.zeros(1, 3, SIDE, SIDE)
    x[0, :, :40, :50] = torch.from_numpy(rgb / 127.5 - 1).permute(2, 0, 1)
    network = predictor.model.module
    with torch.no_grad():
        logits = network(x, mode='tensor')
        logits = torch.nn.functional.interpolate(
            logits, (SIDE, SIDE), mode='bilinear', align_corners=True
        )[0, :, :40, :50]
    assert np.array_equal(result.labels, logits.argmax(0).numpy())
    assert result.labels.dtype == np.uint8
    np.testing.assert_allclose(result.probabilities, logits.softmax(0).numpy(), atol=1e-6)
    np.testing.assert_allclose(result.confidence, logits.softmax(0).amax(0).numpy(), atol=1e-6)
    assert len(result.areas) > 1
    assert sum(result.areas.values()) == pytest.approx(1)
    assert list(result.areas.values()) == sorted(result.areas.values(), reverse=True)
    for name, share in result.areas.items():
        assert share == pytest.approx((result.labels == VOC_CLASSES.index(name)).mean())
    assert result.classes == VOC_CLASSES


@pytest.mark.parametrize('dtype', [torch.float64, torch.float16])
def test_the_default_type_of_the_process_changes_nothing(
    cfg: Config, checkpoint: Path, predictor: DeepLabPredictor, dtype: torch.dtype
) -> None:
    """As of a notebook that computes in float64."""
    expected = predictor(picture())
    torch.set_default_dtype(dtype)
    try:
        for one in (predictor, DeepLabPredictor(cfg, checkpoint, 'cpu')):
            np.testing.assert_array_equal(one(picture()).logits, expected.logits)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_batch_gives_what_single_images_give(
    predictor: DeepLabPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    warn = 'mmseg.models.segmentors.encoder_decoder.print_log'
    monkeypatch.setattr(warn, lambda text, **_: said.append(text))
    pictures = [picture(40, 50, 1), picture(65, 33, 2)]
    together = predictor.batch(pictures)
    assert not said
    for rgb, result in zip(pictures, together, strict=True):
        alone = predictor(rgb)
        np.testing.assert_allclose(result.logits, alone.logits, atol=1e-4)


class UnaryCRF:
    """Stands for pydensecrf's DenseCRF2D: no pixel influences another."""

    def __init__(self, width: int, height: int, classes: int) -> None:
        self.size = width, height

    def setUnaryEnergy(self, energy: np.ndarray) -> None:
        self.energy = energy

    def addPairwiseGaussian(self, **_: object) -> None:
        pass

    addPairwiseBilateral = addPairwiseGaussian

    def inference(self, iterations: int) -> np.ndarray:
        return np.exp(-self.energy)


def never(*_: object) -> None:
    raise AssertionError('the network runs')


@pytest.mark.parametrize(('mode', 'limit'), [('bands', 2**30), ('auto', 4 * 21 * 40 * 49)])
def test_the_crf_needs_the_scores_of_whole_pictures(
    cfg: Config, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str,
    limit: int,
) -> None:  # fmt: skip
    """Said before the network runs; --mode slide, which the sentence names, works."""
    package = SimpleNamespace(densecrf=SimpleNamespace(DenseCRF2D=UnaryCRF))
    monkeypatch.setitem(sys.modules, 'pydensecrf', package)
    refined = Config(cfg.to_dict() | dict(crf=dict(published='v2-r101')))
    refusing = DeepLabPredictor(refined, checkpoint, 'cpu', crf=True, mode=mode)
    refusing.model.limit = limit
    monkeypatch.setattr(refusing.model, 'test_step', never)
    words = 'is cut into bands, which have labels but no scores for --crf: take --mode slide'
    with pytest.raises(UserError, match=f'^the image of 50 x 40 pixels {words}'):
        refusing(picture())
    path = tmp_path / 'a.png'
    Image.fromarray(picture()).save(path)
    with pytest.raises(UserError, match=f'^the image {path} {words}'):
        refusing(path)
    outputs = Outputs(tmp_path / 'out', ['masks'], {})
    assert run(refusing, [path], outputs, 1) == [f'the image {path} {words}']
    results = [
        DeepLabPredictor(refined, checkpoint, 'cpu', crf=crf, mode='slide')(picture())
        for crf in (True, False)
    ]
    assert np.array_equal(results[0].labels, results[1].labels)


@pytest.mark.parametrize('output', ['prob', 'confidence'])
def test_scores_of_what_is_cut_into_bands_are_refused_and_the_others_saved(
    predictor: DeepLabPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.setattr(predictor.model, 'limit', 4 * 21 * 40 * 50)
    paths = [tmp_path / f'{i}.png' for i in range(3)]
    for path, size in zip(paths, [(40, 50), (60, 60), (50, 40)], strict=True):
        Image.fromarray(picture(*size)).save(path)
    film = tmp_path / 'film.avi'
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*'MJPG'), 5, (64, 48))
    writer.write(picture(48, 64))
    writer.release()
    outputs = Outputs(tmp_path / 'out', ['masks', output], {})
    failed = run(predictor, [film, *paths], outputs, 3)
    assert failed == [
        f'the image {path} is cut into bands, which have labels but no scores for --save '
        f'{output}: take --mode slide'
        for path in (paths[1], film)
    ]
    results = (path for path in outputs.folder.glob('*/*') if path.is_file())
    assert {(path.parent.name, path.stem) for path in results} == {
        (folder, stem) for folder in ('masks', output) for stem in '02'
    }


def test_no_picture_has_no_results(predictor: DeepLabPredictor) -> None:
    assert predictor.batch(iter(())) == []


def simple() -> Segmentation:
    labels = np.array([[0, 1], [1, 2]], np.uint8)
    logits = np.random.default_rng(0).normal(size=(3, 2, 2)).astype(np.float32)
    return Segmentation(picture(2, 2), labels, ('a', 'b', 'c'), voc_palette(3), logits)


def test_pictures_of_a_result() -> None:
    result = simple()
    assert repr(result) == 'Segmentation(2x2: b 50.0%, a 25.0%, c 25.0%)'
    assert np.array_equal(np.array(result.mask()), result.labels)
    assert np.array_equal(np.array(result.color())[0, 1], voc_palette(3)[1])
    assert np.array_equal(np.array(result.overlay(0)), result.image)
    assert np.array_equal(np.array(result.overlay(1)), np.array(result.color()))
    middle = (result.image.astype(float) + np.array(result.color())) / 2
    assert np.abs(np.array(result.overlay(0.5)) - middle).max() <= 0.5
    with pytest.raises(ValueError, match=r'0\.\.1'):
        result.overlay(1.5)


def test_every_output_is_saved(tmp_path: Path) -> None:
    result = simple()
    paths = {output: result.save(tmp_path / output, output) for output in OUTPUTS}
    assert np.array_equal(np.array(Image.open(paths['masks'])), result.labels)
    with np.load(paths['prob']) as saved:
        assert saved['classes'].tolist() == ['a', 'b', 'c']
        np.testing.assert_allclose(saved['probabilities'], result.probabilities, atol=1e-3)
    grey = np.array(Image.open(paths['confidence']))
    np.testing.assert_allclose(grey / 255, result.confidence, atol=0.5 / 255 + 1e-6)
    with pytest.raises(ValueError, match='output must be one of'):
        result.save(tmp_path / 'x', 'art')
    with pytest.raises(ValueError, match='keep_logits'):
        _ = Segmentation(result.image, result.labels, 'abc', voc_palette(3)).probabilities


def test_files_hold_the_pictures(tmp_path: Path) -> None:
    """Pillow reads what OpenCV has written: PNGs bit by bit, a JPEG nearly."""
    labels = np.random.default_rng(1).integers(0, 3, (8, 9), np.uint8).repeat(5, 0).repeat(5, 1)
    logits = np.random.default_rng(2).normal(size=(3, *labels.shape)).astype(np.float32)
    result = Segmentation(picture(40, 45), labels, ('a', 'b', 'c'), voc_palette(3), logits)
    drawn = dict(masks=result.mask, color=result.color, overlay=result.overlay)
    for output, draw in drawn.items():
        saved = Image.open(result.save(tmp_path / output, output))
        assert (saved.format, saved.mode) == ('PNG', 'P' if output == 'masks' else 'RGB')
        assert np.array_equal(np.array(saved), np.array(draw()))
        assert saved.getpalette() == draw().getpalette()
    lossy = Image.open(result.save(tmp_path / 'overlay.jpg', 'overlay'))
    assert (lossy.format, lossy.mode) == ('JPEG', 'RGB')
    difference = np.array(lossy).astype(int) - np.array(result.overlay())
    assert np.sqrt((difference**2).mean()) < 20  # colours have half the resolution
    blend = result.image * 0.5 + np.array(result.color()) * 0.5
    assert np.array_equal(np.array(result.overlay()), blend.round().astype(np.uint8))


def run(predictor: DeepLabPredictor, paths: list[Path], outputs: Outputs, size: int) -> list[str]:
    """Segment files under their own names."""
    inputs = [Input(path, path.stem) for path in paths]
    return segment_files(predictor, inputs, outputs, size)


def test_a_rerun_does_what_is_missing(predictor: DeepLabPredictor, tmp_path: Path) -> None:
    paths = [tmp_path / f'{i}.png' for i in range(3)]
    for i, path in enumerate(paths):
        Image.fromarray(picture(20 + i, 30, i)).save(path)
    outputs = Outputs(tmp_path / 'out', ['masks', 'confidence'], dict(model='a'))
    assert run(predictor, paths, outputs, 2) == []
    first = outputs.path('masks', '0')
    stamp = first.stat().st_mtime_ns
    outputs.path('confidence', '1').unlink()
    run(predictor, paths, outputs, 2)
    assert first.stat().st_mtime_ns == stamp
    assert outputs.path('confidence', '1').is_file()
    with pytest.raises(UserError, match='another model'):
        Outputs(tmp_path / 'out', ['masks'], dict(model='b'))
    Outputs(tmp_path / 'out', ['masks'], dict(model='b'), overwrite=True)


def test_files_are_those_of_one_picture_after_the_other(
    predictor: DeepLabPredictor, tmp_path: Path, cores: Callable[[int], None]
) -> None:
    """Bit by bit, and written in the order of the inputs, whichever is ready first."""
    sizes = [(40, 50), (65, 65), (200, 30), (33, 20), (1500, 1500), (64, 65), (10, 300)]
    paths = [tmp_path / f'{9 - i}.png' for i in range(len(sizes))]
    for seed, (path, size) in enumerate(zip(paths, sizes, strict=True)):
        Image.fromarray(picture(*size, seed)).save(path)
    wanted = ['masks', 'overlay', 'confidence', 'labelme']
    several = Outputs(tmp_path / 'several', wanted, {})
    cores(8)  # 4 pictures at a time, by 2 each
    assert run(predictor, paths, several, 1) == []
    for number, path in enumerate(paths):
        cores(8 if number == 4 else 2)  # a large one has all of them
        result = predictor(path)
        for output in wanted:
            file = several.path(output, path.stem)
            name = f'../../{path.name}'
            assert result.encode(output, picture=name) == file.read_bytes(), (path, output)
    lines = [json.loads(line) for line in several.made_from.read_text().split('\n') if line]
    assert [line['file'] for line in lines[::4]] == [f'masks/{path.stem}.png' for path in paths]


def test_what_a_full_disk_leaves(
    predictor: DeepLabPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of the pictures before, whole; of the one that did not fit, and of later ones, none."""
    paths = [tmp_path / f'{i}.png' for i in range(6)]
    for i, path in enumerate(paths):
        Image.fromarray(picture(20 + i, 30, i)).save(path)
    outputs = Outputs(tmp_path / 'out', ['masks'], {})
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name.rpartition('-')[2].startswith('3.png'):
            write(path, data[:9])
            raise OSError(28, 'No space left on device')
        return write(path, data)

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(UserError, match=r'masks/3\.png: No space left'):
        run(predictor, paths, outputs, 1)
    assert sorted(path.name for path in (tmp_path / 'out/masks').iterdir()) == [
        '0.png', '1.png', '2.png',
    ]  # fmt: skip
    monkeypatch.undo()
    assert run(predictor, paths, outputs, 1) == []
    assert len(list((tmp_path / 'out/masks').iterdir())) == 6


def test_a_video_is_segmented_frame_by_frame(predictor: DeepLabPredictor, tmp_path: Path) -> None:
    path = tmp_path / 'film.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 5, (48, 32))
    for i in range(5):
        writer.write(picture(32, 48, i))
    writer.release()
    outputs = Outputs(tmp_path / 'out', ['masks', 'overlay'], {})
    assert run(predictor, [path], outputs, 2) == []
    masks = sorted((tmp_path / 'out/masks/film').glob('*.png'))
    assert [mask.name for mask in masks] == [f'{i:06d}.png' for i in range(1, 6)]
    shown = list(video.frames(tmp_path / 'out/overlay/film.mp4'))
    assert len(shown) == 5
    assert shown[0].shape == (32, 48, 3)
    frames = list(video.frames(path))
    assert np.array_equal(np.array(Image.open(masks[3])), predictor(frames[3]).labels)
    assert outputs.done(Input(path, path.stem))
    masks[0].unlink()
    run(predictor, [path], outputs, 2)
    assert not masks[0].exists()
    path.write_bytes(b'no film')
    again = Outputs(tmp_path / 'other', ['overlay'], {})
    (fault,) = run(predictor, [path], again, 1)
    assert 'film.avi' in fault
    assert not list((tmp_path / 'other').rglob('*.mp4'))


@pytest.mark.parametrize('size', [(41, 50), (40, 51), (33, 35)])
def test_a_film_of_odd_sides_keeps_its_last_row_and_column(
    size: tuple[int, int], tmp_path: Path
) -> None:
    frame = np.full((*size, 3), 200, np.uint8)
    frame[-1] = frame[:, -1] = 20
    with video.Film(tmp_path / 'a.mp4', 25) as film:
        film.add(frame)
    (shown,) = video.frames(tmp_path / 'a.mp4')
    assert shown.shape[:2] == tuple(side + side % 2 for side in size)
    assert np.abs(shown[: size[0], : size[1]].astype(int) - frame).max() < 60


def test_the_package_offers_the_predictor_lazily() -> None:
    import mmdeeplab

    with pytest.raises(AttributeError, match='nothing'):
        _ = mmdeeplab.nothing
