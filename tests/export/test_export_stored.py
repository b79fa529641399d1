"""A network of stored bands, exported: compared on stored pictures, and told of in the file."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from networks import random_checkpoint

from mmdeeplab import DeepLabPredictor
from mmdeeplab.cli.export import main
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.shipped import config_path
from mmdeeplab.export.formats import open_artefact

SIDE = 33
CONFIG = f"""
_base_ = '{config_path('lraspp_mobilenetv3-small_voc')}'
load = dict(type='mmdeeplab.LoadImage', bands=BANDS, depth='DEPTH')
val_dataloader = dict(dataset=dict(pipeline=[load, dict(type='PackSegInputs')]))
test_dataloader = val_dataloader
train_dataloader = dict(dataset=dict(pipeline=[load, *_base_.train_pipeline[1:]]))
stored = dict(mean=[TOP / 2] * BANDS, std=[TOP / 4] * BANDS, bgr_to_rgb=False)
model = dict(
    backbone=dict(in_channels=BANDS),
    data_preprocessor=dict(**stored, test_size=({SIDE}, {SIDE})),
)
"""


def network(folder: Path, bands: int, depth: str) -> tuple[Path, Config]:
    text = CONFIG.replace('BANDS', str(bands)).replace('DEPTH', depth)
    path = folder / 'mine.py'
    path.write_text(text.replace('TOP', '255' if depth == 'uint8' else '65535'))
    return path, load_config(str(path), ConfigOptions())


FILES = dict(torchscript='net.pt', onnx='net.onnx', openvino='net.xml', pt2='net.pt2')


@pytest.mark.parametrize(
    ('form', 'bands', 'depth', 'processing'),
    [
        ('torchscript', 4, 'uint16', True),
        ('torchscript', 3, 'uint8', True),
        ('torchscript', 4, 'uint16', False),
        ('onnx', 4, 'uint16', True),
        ('openvino', 4, 'uint16', True),
        ('pt2', 4, 'uint16', True),
    ],
)
def test_a_stored_network(
    form: str, bands: int, depth: str, processing: bool, tmp_path: Path
) -> None:
    for package in ('onnx', 'onnxscript', 'openvino'):
        if form in package:
            pytest.importorskip(package, reason=f"{package} is not installed (the extra 'export')")
    config, cfg = network(tmp_path, bands, depth)
    checkpoint = random_checkpoint(cfg, tmp_path)
    (tmp_path / 'in').mkdir()
    rng = np.random.default_rng(0)
    top = 255 if depth == 'uint8' else 65535
    for i in range(2):
        pixels = rng.integers(0, top, (6, 6, bands)).repeat(5, 0).repeat(5, 1)
        cv2.imwrite(str(tmp_path / f'in/{i}.png'), pixels.astype(depth))
    out = tmp_path / FILES[form]
    options = ['--with-processing', '--size', '30', '30'] if processing else []
    given = [str(config), str(checkpoint), '--format', form, '--out', str(out)]
    assert main([*given, '--verify', str(tmp_path / 'in'), *options]) == 0
    run, told = open_artefact(out)
    assert (told['bands'], told['depth'], told['channels']) == (bands, depth, 'as stored')
    predictor = DeepLabPredictor(str(config), checkpoint, 'cpu')
    picture = predictor.read(tmp_path / 'in/0.png')
    expected = predictor(picture)
    assert len(np.unique(expected.labels)) > 1
    if processing:
        given = picture if depth == 'uint8' else picture.astype(np.float32)
        found = run(given[None])[0]
    else:
        x = np.zeros((1, bands, SIDE, SIDE), np.float32)
        normal = (picture.astype(np.float64) - told['mean']) / told['std']
        x[0, :, :30, :30] = normal.transpose(2, 0, 1)
        found = torch.from_numpy(run(x))[0, :, :30, :30].argmax(0).numpy()
    assert (found == expected.labels).mean() > 0.995
