"""A published model by its name alone: fetched, converted, and used."""

import json
from pathlib import Path

import numpy as np
import pytest
from https_server import Server
from PIL import Image
from test_weights_command import zoo, zoo_file  # noqa: F401

from mmdeeplab import DeepLabPredictor
from mmdeeplab.cli.predict import main
from mmdeeplab.errors import UserError
from mmdeeplab.weights import model_zoo as rows
from mmdeeplab.weights.resolve import resolve

CONFIG = 'deeplabv3_mobilenetv2-dm05_voc'


@pytest.fixture
def known(zoo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The rows of a server stand for the built-in ones."""
    found = rows.load(zoo_file)
    monkeypatch.setattr(rows, 'load', lambda: found)
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path / 'cache'))


def test_masks_by_name_alone(
    known: None, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the first time needs the network; config and settings are the row's."""
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(rgb).save(tmp_path / 'a.png')
    size = 'model.data_preprocessor.test_size=(65,65)'

    def predict(out: str) -> np.ndarray:
        words = [tmp_path / 'a.png', '--model', 'lab_mobilenetv2', '--out', tmp_path / out]
        assert main([*map(str, words), '--device', 'cpu', '--cfg-options', size]) == 0
        return np.array(Image.open(tmp_path / out / 'masks/a.png'))

    mask = predict('first')
    said = capsys.readouterr().out
    assert '1 of 1 inputs segmented' in said
    assert float(said.split(';')[1].split(' images a second')[0]) > 0
    server.shutdown()
    assert np.array_equal(predict('second'), mask)
    assert json.loads((tmp_path / 'first/predict.json').read_text())['model'] == f'{CONFIG}.py'
    predictor = DeepLabPredictor('lab_mobilenetv2', device='cpu')
    assert len(predictor.classes) == 19


def test_a_config_needs_weights(known: None) -> None:
    for name in (CONFIG, f'configs/{CONFIG}.py'):
        with pytest.raises(UserError, match='is a config, which needs a checkpoint'):
            resolve(name, None)


def test_a_mistyped_name_is_told_the_nearest(known: None) -> None:
    with pytest.raises(UserError, match='lab_mobilenetv2'):
        resolve('lab_mobilnetv2', None)


def test_a_backbone_does_not_segment() -> None:
    backbone = next(row.name for row in rows.load() if row.version == 'backbone')
    with pytest.raises(UserError, match=f'{backbone} is a backbone'):
        resolve(backbone, None)


def test_weights_of_ones_own_for_a_published_network(known: None, tmp_path: Path) -> None:
    own = tmp_path / 'own.pth'
    own.touch()
    config, options, path = resolve('lab_mobilenetv2', str(own))
    assert Path(config).name == f'{CONFIG}.py'
    assert (options, path) == (['model.decode_head.num_classes=19'], own)
