"""A picture of which RGB of 8 bits keeps a part is named; and none is read as anything else."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from networks import random_checkpoint
from PIL import Image
from places import ROOT

from mmdeeplab import DeepLabPredictor
from mmdeeplab.cli.predict import main
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError
from mmdeeplab.inference.files import readable
from mmdeeplab.inference.images import read_picture, reader
from mmdeeplab.inference.inputs import Input
from mmdeeplab.serve.answers import notice_of

CONFIG = ROOT / 'configs/lraspp_mobilenetv3-small_voc.py'
SMALL = ['model.data_preprocessor.test_size=(33,33)']
LOST = 'has {}, which are not RGB of 8 bits; LoadImage('


@pytest.fixture(scope='module')
def cfg() -> Config:
    return load_config(str(CONFIG), ConfigOptions(SMALL))


@pytest.fixture(scope='module')
def checkpoint(cfg: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(cfg, tmp_path_factory.mktemp('weights'))


def write(path: Path, bands: int, depth: str) -> Path:
    top = 256 if depth == 'uint8' else 65536
    pixels = np.random.default_rng(bands).integers(0, top, (20, 30, bands))
    cv2.imwrite(str(path), pixels.astype(depth))
    return path


@pytest.mark.parametrize('bands', [1, 3])
def test_a_deep_picture_is_named_once_of_each_kind(
    cfg: Config,
    checkpoint: Path,
    bands: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    predictor = DeepLabPredictor(cfg, checkpoint, 'cpu')
    deep = write(tmp_path / 'deep.png', bands, 'uint16')
    shallow = write(tmp_path / 'shallow.png', 3, 'uint8')
    predictor.batch([deep, deep, shallow])
    told = capsys.readouterr().err
    words = f'{bands} band{"s" * (bands > 1)} of uint16'
    assert told.count('note: ') == 1
    assert f'deep.png {LOST.format(words)}bands={bands}' in told
    upper = (cv2.imread(str(deep), cv2.IMREAD_UNCHANGED) >> 8).astype(np.uint8)
    rgb = upper[..., ::-1] if bands == 3 else np.repeat(upper[..., None], 3, 2)
    for other in (deep, deep.read_bytes(), Image.open(deep)):
        np.testing.assert_array_equal(read_picture(other), rgb)


def test_the_command_names_it(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / 'in').mkdir()
    for i in range(3):
        write(tmp_path / f'in/{i}.png', 1, 'uint16')
    assert main([
        str(tmp_path / 'in'), '--model', str(CONFIG), '--checkpoint', str(checkpoint),
        '--out', str(tmp_path / 'out'), '--save', 'masks', '--device', 'cpu',
        '--cfg-options', *SMALL,
    ]) == 0  # fmt: skip
    told = capsys.readouterr().err
    assert told.count('which are not RGB of 8 bits') == 1
    assert len(list((tmp_path / 'out/masks').iterdir())) == 3


@pytest.mark.parametrize('mode', ['F', 'I'])
def test_numbers_without_a_white_are_refused(mode: str) -> None:
    with pytest.raises(UserError, match=f'mode {mode} has no white'):
        read_picture(Image.new(mode, (3, 3), 200))


@pytest.mark.parametrize('bands', [1, 3])
@pytest.mark.parametrize('depth', ['int16', 'int32', 'uint32', 'int64', 'float32', 'float64'])
def test_a_tiff_of_numbers_without_a_white_is_named_by_its_kind(
    bands: int, depth: str, tmp_path: Path
) -> None:
    """Of a file as of its bytes; 8-bit grey values in a deep type would become black."""
    tifffile = pytest.importorskip('tifffile')
    path = tmp_path / 'a.tif'
    grey = np.full((20, 30), 200, depth)
    kind = {} if bands == 1 else dict(photometric='rgb')
    tifffile.imwrite(path, grey if bands == 1 else np.stack([grey] * 3, 2), **kind)
    for picture in (path, path.read_bytes()):
        with pytest.raises(UserError, match=f'has {bands} bands? of {depth}'):
            read_picture(picture)


def test_a_picture_that_is_opened_but_cut_is_named() -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(noise).save(file, 'PNG')
    with pytest.raises(UserError, match='truncated'):
        read_picture(Image.open(io.BytesIO(file.getvalue()[:2000])))


def test_a_server_answers_with_a_notice(tmp_path: Path) -> None:
    deep = write(tmp_path / 'deep.png', 1, 'uint16').read_bytes()
    assert notice_of(deep).startswith('the picture has 1 band of uint16')
    assert notice_of(write(tmp_path / 'a.png', 3, 'uint8').read_bytes()) == ''


def test_a_photograph_is_nothing_for_a_network_of_stored_bands(
    checkpoint: Path, cfg: Config, tmp_path: Path
) -> None:
    """Also where int8 would be calibrated by it."""
    load = dict(type='mmdeeplab.LoadImage', bands=3, depth='uint16')
    deep = Config(cfg.to_dict())
    deep.test_dataloader.dataset.pipeline = [load, dict(type='PackSegInputs')]
    deep.model.data_preprocessor.bgr_to_rgb = False
    photo = write(tmp_path / 'photo.png', 3, 'uint8')
    stored = write(tmp_path / 'stored.png', 3, 'uint16')
    predictor = DeepLabPredictor(deep, checkpoint, 'cpu')
    with pytest.raises(UserError, match=r'photo\.png has 3 bands of uint8, .* 3 bands of uint16'):
        predictor(photo)
    inputs = [Input(photo, 'photo'), Input(stored, 'stored')]
    (picture,) = readable(inputs, 2, reader(deep))
    np.testing.assert_array_equal(picture, predictor.read(stored))
    assert picture.dtype == np.uint16
