"""The importer of TensorFlow Lite: a real quantised model, and graphs made here from our own."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmcv.cnn import ConvModule
from mmengine.config import Config
from PIL import Image
from torch import nn

from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters import tflite
from mmdeeplab.weights.parity import picture as picture_of
from mmdeeplab.weights.readers.tflite_graph import Layer, TFLiteGraph
from mmdeeplab.weights.reference_models import tflite as reference
from mmdeeplab.weights.table import Fitting, convert

BIRD = 3


@pytest.fixture(scope='module')
def coral(request: pytest.FixtureRequest) -> Path:
    pytest.importorskip('tflite', reason='needs the package tflite')
    return request.getfixturevalue('shared') / 'voc_mobilenetv2'


def picture(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def iou(labels: np.ndarray, truth: np.ndarray, label: int) -> float:
    seen, true = (labels == label) & (truth != 255), truth == label
    return (seen & true).sum() / (seen | true).sum()


def test_a_real_model_answers_as_litert_does(coral: Path, build: Callable[..., nn.Module]) -> None:
    model = build('deeplabv3_mobilenetv2-coral_voc').eval()
    arrays = tflite.read(coral / 'deeplabv3_mnv2_pascal_quant.tflite')
    model.load_state_dict(convert(arrays, tflite.table_for(arrays), model.state_dict()))
    bgr = torch.from_numpy(picture(coral / 'bird.png')[..., 2::-1].copy()).permute(2, 0, 1)
    with torch.no_grad():
        batch = model.data_preprocessor(dict(inputs=[bgr]))
        logits = model(batch['inputs'], mode='tensor')
        logits = nn.functional.interpolate(logits, (513, 513), mode='bilinear', align_corners=True)
    labels = logits.argmax(1)[0].numpy()
    assert (labels == picture(coral / 'bird_litert_labels.png')).mean() >= 0.99
    assert iou(labels, picture(coral / 'bird_mask.png'), BIRD) >= 0.90


@pytest.mark.parametrize('name', tflite.CORAL.values())
def test_the_config_is_found_by_the_width(name: str, build: Callable[..., nn.Module]) -> None:
    width = build(name).backbone.stem.conv.out_channels
    arrays = {tflite.STEM: np.zeros((3, 3, 3, width), np.float32)}
    assert tflite.config_for(arrays) == Fitting(name)
    assert tflite.config_for({}) is None


def folded(module: ConvModule) -> tuple[np.ndarray, np.ndarray]:
    """Kernel in TensorFlow Lite's layout and bias, BN folded in."""
    norm = module.norm
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    kernel = (module.conv.weight * scale.view(-1, 1, 1, 1)).detach().permute(0, 2, 3, 1).numpy()
    if module.conv.groups > 1:
        kernel = kernel.transpose(3, 1, 2, 0)
    return kernel, (norm.bias - norm.running_mean * scale).detach().numpy()


def make_layers(model: nn.Module, point_first: bool) -> list[Layer]:
    """The graph of ``model`` as a converter might write it."""
    layers: list[Layer] = []

    def add(module: nn.Module, source: Layer | None, *through: str) -> Layer:
        if isinstance(module, ConvModule):
            kernel, bias = folded(module)
        else:
            kernel, bias = (p.detach().numpy() for p in (module.weight, module.bias))
            kernel = kernel.transpose(0, 2, 3, 1)
        depthwise = kernel.shape[0] == 1 and len(bias) > 1
        number = None if source is None else source.number
        layers.append(Layer(len(layers), depthwise, kernel, bias, number, frozenset(through)))
        return layers[-1]

    x = add(model.backbone.stem, None)
    residual = False
    for block in model.backbone.blocks:
        if hasattr(block, 'expand'):
            x = add(block.expand, x, *(['ADD'] if residual else []))
        dilated = block.depthwise.conv.dilation[0] > 1
        x = add(block.depthwise, x, *(['SPACE_TO_BATCH_ND'] if dilated else []))
        x = add(block.project, x, *(['BATCH_TO_SPACE_ND'] if dilated else []))
        residual = block.residual
    neck = model.neck
    if point_first:
        add(neck.pointwise, x)
        pooling = add(neck.image_pooling, x, 'AVERAGE_POOL_2D')
    else:
        pooling = add(neck.image_pooling, x, 'MEAN')
        add(neck.pointwise, x)
    x = add(neck.projection, pooling, 'RESIZE_BILINEAR', 'CONCATENATION')
    add(model.decode_head.conv_seg, x)
    return layers


def random_norms(model: nn.Module) -> nn.Module:
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
    return model.eval()


@pytest.mark.parametrize('point_first', [True, False])
@pytest.mark.parametrize('config', ['deeplabv3_mobilenetv2_voc', 'deeplabv3_mobilenetv2-dm05_voc'])
def test_folded_norms_unfold(
    build: Callable[..., nn.Module], config: str, point_first: bool
) -> None:
    model, other = random_norms(build(config)), build(config).eval()
    arrays = dict(tflite.variables(make_layers(model, point_first)))
    other.load_state_dict(convert(arrays, tflite.TABLE, other.state_dict()))
    image = torch.randn(1, 3, 65, 64)
    with torch.no_grad():
        a = other.extract_feat(image)
        b = model.extract_feat(image)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-4)
    assert b[-1].std() > 0.01


def test_refuses_other_networks(build: Callable[..., nn.Module]) -> None:
    layers = make_layers(random_norms(build('deeplabv3_mobilenetv2_voc')), True)
    with pytest.raises(UserError, match='has 16 depthwise convolutions, not the 17'):
        list(tflite.variables([layer for layer in layers if layer.number != 49]))
    swapped = layers[-2]._replace(source=layers[-4].number)  # 1x1 branch first in the concatenation
    with pytest.raises(UserError, match='has 0 convolutions in the place of concat_projection'):
        list(tflite.variables([*layers[:-2], swapped, layers[-1]]))
    extra = layers[-1]._replace(number=len(layers), source=len(layers) - 1)
    with pytest.raises(UserError, match=f'{len(layers) + 1} convolutions, of which {len(layers)}'):
        list(tflite.variables([*layers, extra]))


def test_refuses_other_files(tmp_path: Path) -> None:
    pytest.importorskip('tflite', reason='needs the package tflite')
    path = tmp_path / 'x.tflite'
    with pytest.raises(UserError, match='no such file'):
        tflite.read(path)
    path.write_bytes(b'not at all such a file')
    with pytest.raises(UserError, match=r'x\.tflite: not a TensorFlow Lite file'):
        tflite.read(path)
    path.write_bytes(b'\0\0\0\0TFL3' + b'\xff' * 100)
    with pytest.raises(UserError, match=r'x\.tflite: damaged or cut short'):
        tflite.read(path)


class Interpreter:
    """An interpreter whose network passes its input on."""

    def __init__(self, model_path: str, **told: object) -> None:
        info = dict(index=0, dtype=np.int8, shape=np.array([1, 2, 3, 3]), quantization=(1 / 64, -3))
        self.info, self.allocate_tensors, self.invoke = info, dict, dict

    def get_input_details(self) -> list[dict]:
        return [self.info]

    get_output_details = get_input_details

    def set_tensor(self, index: int, array: np.ndarray) -> None:
        assert array.dtype == self.info['dtype']
        self.array = array

    def get_tensor(self, index: int) -> np.ndarray:
        return self.array


def test_a_quantised_input_is_what_the_network_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(Interpreter=Interpreter)
    monkeypatch.setitem(sys.modules, 'ai_edge_litert', SimpleNamespace(interpreter=fake))
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', fake)
    run = reference.build({}, Path('x.tflite'), Config()).run
    x = torch.rand(1, 3, 2, 3) * 2 - 1
    torch.testing.assert_close(run(torch.zeros(0), x), x, atol=1 / 128, rtol=0)


def test_a_picture_too_large_to_be_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new('L', (9, 9)).save(tmp_path / 'a.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 10)
    with pytest.raises(UserError, match=r'--check: .*a\.png is no picture'):
        picture_of(str(tmp_path / 'a.png'), (9, 9))


@pytest.mark.parametrize('share', [1e-5, 0.01, 0.5, 0.98, 0.999])
def test_refuses_a_file_cut_short(coral: Path, share: float) -> None:
    data = (coral / 'deeplabv3_mnv2_pascal_quant.tflite').read_bytes()
    with pytest.raises(UserError, match='damaged or cut short'):
        TFLiteGraph(data[: int(share * len(data))]).layers()
