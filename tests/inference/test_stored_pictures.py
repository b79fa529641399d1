"""Pictures of any depth are predicted as the evaluation computes them, and shown in 8 bits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS, TRANSFORMS

from mmdeeplab import DeepLabPredictor
from mmdeeplab.config.pixels import Pixels
from mmdeeplab.config.shipped import config_path
from mmdeeplab.errors import UserError
from mmdeeplab.inference.images import read_as_stored
from mmdeeplab.inference.predictor import as_input
from mmdeeplab.visualization.shown_bands import shown_bands
from mmdeeplab.visualization.voc_palette import palette_of

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


@pytest.mark.parametrize('depth', ['uint8', 'uint16', 'float32'])
def test_arrays_of_any_layout(depth: str) -> None:
    """Of the other order of bytes, as tifffile gives them; mirrored; read only; of one band."""
    pixels = Pixels(4, depth)
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 4)).astype(depth)
    other = picture.astype(picture.dtype.newbyteorder('>'))
    other.flags.writeable = False
    for array in (other, np.asfortranarray(other), other[::-1, ::-1][::-1, ::-1]):
        read = as_input(read_as_stored(array, pixels), stored=True)
        np.testing.assert_array_equal(read.numpy(), picture.transpose(2, 0, 1))
    np.testing.assert_array_equal(
        read_as_stored(picture[..., 0], Pixels(1, depth)), picture[..., :1]
    )


@pytest.mark.parametrize(
    ('array', 'words'),
    [
        (np.full((2, 3, 1), np.nan, np.float32), '6 values that are NaN'),
        (np.zeros((0, 3, 1), np.float32), r'\(H, W, bands\), got \(0, 3, 1\)'),
        (np.zeros(3, np.float32), r'\(H, W, bands\), got \(3,\)'),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_as_stored(array, Pixels(1, 'float32'))


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


def test_more_classes_than_a_byte_has_ids(tmp_path: Path) -> None:
    """Such as mmsegmentation's of ADE20K's full set, whose checkpoints have a palette, too."""
    cfg = config(3, 'uint8')
    cfg.model.decode_head.num_classes = 300
    init_default_scope(cfg.default_scope)
    meta = dict(classes=[f'c{i}' for i in range(300)], palette=[[1, 2, 3]] * 300)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta=dict(dataset_meta=meta)), tmp_path / 'w.pth')
    with pytest.raises(UserError, match=r'300 classes: .* at most 256'):
        DeepLabPredictor(cfg, tmp_path / 'w.pth', device='cpu')


def test_a_palette_of_other_length_than_the_classes() -> None:
    colours = palette_of(dict(meta=dict(palette=[[1, 2, 3]])), 3)
    assert list(map(tuple, colours)) == [(1, 2, 3), (128, 0, 0), (0, 128, 0)]
    assert palette_of(dict(meta=dict(palette=[[1, 2, 3], [4, 5, 6]])), 1) == [[1, 2, 3]]
