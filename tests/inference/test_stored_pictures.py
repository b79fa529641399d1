"""Pictures of any depth are predicted as the evaluation computes them, and shown in 8 bits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS, TRANSFORMS

from mmdeeplab import DeepLabPredictor
from mmdeeplab.config.shipped import config_path
from mmdeeplab.errors import UserError
from mmdeeplab.visualization.shown_bands import shown_bands

KINDS = ((1, 'uint16'), (3, 'uint8'), (3, 'uint16'), (5, 'float32'))


def config(bands: int, depth: str) -> Config:
    cfg = Config.fromfile(config_path('deeplabv3plus_mobilenetv2_mini-voc'))
    cfg.model.backbone.in_channels = bands
    scale = 255 if depth == 'uint8' else 65535
    spread = [scale / (2 + i) for i in range(bands)]
    cfg.model.data_preprocessor.update(mean=spread, std=spread, bgr_to_rgb=False)
    load = dict(type='mmdeeplab.LoadImage', bands=bands, depth=depth)
    cfg.test_dataloader.dataset.pipeline = [load, dict(type='PackSegInputs')]
    return cfg


@pytest.mark.parametrize(('bands', 'depth'), KINDS)
def test_prediction_is_what_the_evaluation_computes(bands: int, depth: str, tmp_path: Path) -> None:
    cfg = config(bands, depth)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    torch.save(MODELS.build(cfg.model).state_dict(), tmp_path / 'w.pth')
    top = 256 if depth == 'uint8' else 65536
    picture = np.random.default_rng(0).integers(0, top, (70, 90, bands)).astype(depth)
    path = tmp_path / 'a.npy'
    np.save(path, picture)
    predictor = DeepLabPredictor(cfg, tmp_path / 'w.pth', device='cpu')
    result = predictor(path)
    data: dict = dict(img_path=str(path), reduce_zero_label=False, seg_fields=[])
    for step in cfg.test_dataloader.dataset.pipeline:
        data = TRANSFORMS.build(step)(data)
    batch = dict(inputs=[data['inputs']], data_samples=[data['data_samples']])
    (expected,) = predictor.model.test_step(batch)
    logits = expected.seg_logits.data.numpy()
    np.testing.assert_array_equal(result.logits, logits)
    for other in (picture, path.read_bytes()):
        np.testing.assert_array_equal(predictor(other).logits, logits)
    assert result.image.shape == (70, 90, 3)
    assert result.image.dtype == np.uint8
    fewer = picture.astype('uint8' if depth == 'uint16' else 'uint16')
    with pytest.raises(UserError, match=f'the config reads {bands} band.* of {depth}'):
        predictor(fewer)


def test_pictures_of_eight_bits_are_shown_as_they_are() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    np.testing.assert_array_equal(shown_bands(picture), picture[..., :3])


def test_deeper_pictures_are_stretched() -> None:
    ramp = np.linspace(3000, 5000, 101 * 50).reshape(101, 50, 1)
    shown = shown_bands(ramp.astype(np.uint16))
    low, high = np.percentile(ramp.astype(np.uint16), (2, 98))
    assert shown.shape == (101, 50, 3)
    assert (shown[ramp[..., 0] < low - 1] == 0).all()
    assert (shown[ramp[..., 0] > high + 1] == 255).all()
    assert abs(int(shown[50, 25, 0]) - 128) <= 1
    assert (shown_bands(np.full((5, 5, 3), 7, np.float32)) == 0).all()
