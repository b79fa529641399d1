"""Networks whose images have not three bands predict and export what their evaluation computes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS, TRANSFORMS
from PIL import Image
from torch import nn

from mmdeeplab import DeepLabPredictor
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.shipped import config_path
from mmdeeplab.errors import UserError
from mmdeeplab.export.graph import PictureGraph
from mmdeeplab.inference.images import read_picture
from mmdeeplab.models.analysis import degenerate_rates, input_channels

BANDS = (1, 4)
SMALL = 'deeplabv3plus_mobilenetv2_mini-voc'


def config(bands: int) -> Config:
    cfg = Config.fromfile(config_path(SMALL))
    cfg.model.backbone.in_channels = bands
    cfg.model.data_preprocessor.update(mean=(100.0,) * bands, std=(50.0,) * bands)
    return cfg


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Random weights of networks of each number of bands."""
    paths = {}
    for bands in BANDS:
        cfg = config(bands)
        init_default_scope(cfg.default_scope)
        torch.manual_seed(bands)
        model = MODELS.build(cfg.model)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 2)
        paths[bands] = tmp_path_factory.mktemp('w') / f'{bands}.pth'
        torch.save(model.state_dict(), paths[bands])
    return paths


@pytest.fixture
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    bands = request.getfixturevalue('bands')
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, bands), np.uint8)
    pixels[20:50, 30:60] = np.arange(bands) * 60 + 20
    path = tmp_path / 'bands.png'
    Image.fromarray(pixels.squeeze()).save(path)
    return path


@pytest.mark.parametrize('bands', BANDS)
def test_predicts_and_exports_what_the_evaluation_computes(
    bands: int, trained: dict[int, Path], picture: Path
) -> None:
    cfg = config(bands)
    predictor = DeepLabPredictor(cfg, trained[bands], device='cpu')
    middle = predictor(picture).logits.mean((1, 2))
    unwrap(predictor.model).decode_head.conv_seg.bias.data -= torch.from_numpy(
        middle
    )  # no class wins all
    result = predictor(picture)
    steps = [
        dict(type='LoadImageFromFile', color_type='unchanged', imdecode_backend='cv2'),
        dict(type='PackSegInputs'),
    ]
    data: dict = dict(img_path=str(picture), reduce_zero_label=False, seg_fields=[])
    for step in steps:
        data = TRANSFORMS.build(step)(data)
    batch = dict(inputs=[data['inputs']], data_samples=[data['data_samples']])
    (expected,) = predictor.model.test_step(batch)
    labels = expected.pred_sem_seg.data[0].numpy()
    assert len(np.unique(labels)) > 1
    np.testing.assert_array_equal(result.labels, labels)
    np.testing.assert_array_equal(result.logits, expected.seg_logits.data.numpy())
    assert result.image.shape == (70, 90, 3)
    graph = PictureGraph(unwrap(predictor.model)).eval()
    assert graph.example((40, 40)).shape == (1, 40, 40, bands)
    exported = graph(torch.from_numpy(read_picture(picture, bands))[None])
    assert (exported[0].numpy() == labels).mean() > 0.999


@pytest.mark.parametrize('bands', BANDS)
def test_an_array_of_the_bands_is_the_file(
    bands: int, trained: dict[int, Path], picture: Path
) -> None:
    predictor = DeepLabPredictor(config(bands), trained[bands], device='cpu')
    array = np.array(Image.open(picture))
    np.testing.assert_array_equal(predictor(array).labels, predictor(picture).labels)
    np.testing.assert_array_equal(predictor(picture.read_bytes()).labels, predictor(array).labels)


@pytest.mark.parametrize('bands', BANDS)
def test_other_pictures_are_refused_by_their_bands(
    bands: int, trained: dict[int, Path], tmp_path: Path
) -> None:
    predictor = DeepLabPredictor(config(bands), trained[bands], device='cpu')
    photo = tmp_path / 'photo.jpg'
    Image.new('RGB', (50, 40)).save(photo)
    deep = tmp_path / 'deep.png'
    cv2.imwrite(str(deep), np.zeros((40, 50, 4 if bands == 4 else 1), np.uint16))
    with pytest.raises(UserError, match=rf'photo\.jpg has 3 bands of uint8; .* {bands} of uint8'):
        predictor(photo)
    with pytest.raises(UserError, match=r'deep\.png has . bands of uint16'):
        predictor(deep)
    for thing in (Image.open(photo), torch.zeros(3, 40, 50), np.zeros((40, 50, 3), np.uint8)):
        with pytest.raises(UserError, match=f'takes {bands} bands'):
            predictor(thing)


@pytest.mark.parametrize(
    'name', [SMALL, 'deeplabv2_vgg16_mini-voc', 'deeplabv2_r101_mini-voc', 'deeplabv3_r50_mini-voc',
             'deeplabv3plus_xception_mini-voc'],
)  # fmt: skip
@pytest.mark.parametrize('bands', [1, 2, 4, 5])
def test_the_check_of_rates_knows_the_channels(name: str, bands: int) -> None:
    cfg = Config.fromfile(config_path(name))
    init_default_scope(cfg.default_scope)
    node = cfg.model.get('segmentor', cfg.model)
    node.backbone.in_channels = bands
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert input_channels(model) == bands
    assert degenerate_rates(model, (1, bands, 33, 33)) is not None
