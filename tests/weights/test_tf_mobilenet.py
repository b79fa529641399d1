"""MobileNet's importer, and with it the networks, against a rewriting with plain operators."""

from collections.abc import Callable

import pytest
import torch
from tf_graph import Graph, hard_sigmoid, hard_swish, resize
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.weights.converters import tf
from mmdeeplab.weights.table import convert

# MobileNetV2: channels of the 17 blocks, and those that have stride 2
V2_CHANNELS = [16, *[24] * 2, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]
V2_STRIDED = (1, 3, 6, 13)
# MobileNetV3: (kernel, expanded, channels, squeezed or 0) of each block
LARGE = [
    (3, 16, 16, 0),
    (3, 64, 24, 0),
    (3, 72, 24, 0),
    (5, 72, 40, 24),
    (5, 120, 40, 32),
    (5, 120, 40, 32),
    (3, 240, 80, 0),
    (3, 200, 80, 0),
    (3, 184, 80, 0),
    (3, 184, 80, 0),
    (3, 480, 112, 120),
    (3, 672, 112, 168),
    (5, 336, 80, 88),
    (5, 480, 80, 120),
    (5, 480, 80, 120),
]
SMALL = [
    (3, 16, 16, 8),
    (3, 72, 24, 0),
    (3, 88, 24, 0),
    (5, 96, 40, 24),
    (5, 240, 40, 64),
    (5, 240, 40, 64),
    (5, 120, 48, 32),
    (5, 144, 48, 40),
    (5, 144, 48, 40),
    (5, 288, 48, 72),
    (5, 288, 48, 72),
]
# blocks with stride 2, blocks with hard-swish, tap at stride 8, last channels
V3 = {
    'large': (LARGE, (1, 3, 6, 12), 6, 5, 480),
    'small': (SMALL, (0, 1, 3, 8), 3, 2, 288),
}
EXACT = 1e-9  # in float64; logits of random weights depend little on the image
SIZES = [(129, 97), (98, 128)]
sizes = pytest.mark.parametrize('size', SIZES)


def steps(strided: tuple[int, ...], blocks: int, output_stride: int) -> list[tuple[int, int]]:
    """Stride and rate of each block, as `mobilenet_base` walks them."""
    current, rate, result = 2, 1, []
    for i in range(blocks):
        stride = 2 if i in strided else 1
        if current == output_stride:
            result.append((1, rate))
            rate *= stride
        else:
            result.append((stride, 1))
            current *= stride
    return result


def number(i: int) -> str:
    return f'_{i}' if i else ''


def mobilenet_v2(
    graph: Graph, image: Tensor, output_stride: int = 16, multiplier: float = 1
) -> tuple[Tensor, Tensor]:
    """The end and the stride-4 tap."""
    x = graph.conv(image, 'MobilenetV2/Conv', int(32 * multiplier), F.relu6, 3, 2)
    for i, (stride, rate) in enumerate(steps(V2_STRIDED, 17, output_stride)):
        row = (3, x.shape[1] * (6 if i else 1), int(V2_CHANNELS[i] * multiplier), 0)
        scope = f'MobilenetV2/expanded_conv{number(i)}'
        x, tap = graph.block(x, scope, row, F.relu6, stride, rate)
        if i == 2:
            low = tap
    return x, low


def lraspp(
    graph: Graph, image: Tensor, variant: str, output_stride: int, window: tuple | None
) -> Tensor:
    rows, strided, swish, tapped, last = V3[variant]
    x = graph.conv(image, 'MobilenetV3/Conv', 16, hard_swish, 3, 2)
    for i, (stride, rate) in enumerate(steps(strided, len(rows), output_stride)):
        act = hard_swish if i >= swish else F.relu
        scope = f'MobilenetV3/expanded_conv{number(i)}'
        x, tap = graph.block(x, scope, rows[i], act, stride, rate)
        if i == tapped:
            low = tap
    x = graph.conv(x, 'MobilenetV3/Conv_1', last, hard_swish)
    pooled = x.mean((2, 3), True) if window is None else F.avg_pool2d(x, *window)
    gate = resize(hard_sigmoid(graph.biased(pooled, 'image_pooling', 128)), x)
    x = graph.conv(x, 'aspp0', 128, F.relu, eps=1e-5) * gate
    x = graph.biased(resize(x, low), 'decoder/decoder_conv0', 21)
    return x + graph.biased(low, 'decoder/feature_projection0', 21)


def difference(graph: Graph, model: nn.Module, image: Tensor, expected: Tensor) -> float:
    table = tf.table_for(graph.variables)
    model.load_state_dict(convert(graph.variables, table, model.state_dict()))
    with torch.no_grad():
        logits = model.double().eval()(image, mode='tensor')
    assert logits.shape == expected.shape
    assert expected.std() > 0.1  # weights that let nothing through would agree with anything
    return float((logits - expected).abs().max())


@sizes
@pytest.mark.parametrize('output_stride', [8, 16])
def test_mobilenet_v2(build: Callable[..., nn.Module], size: tuple, output_stride: int) -> None:
    image, graph = torch.randn(1, 3, *size).double(), Graph()
    x, low = mobilenet_v2(graph, image, output_stride)
    expected = graph.biased(graph.decoder(graph.head(x), low), 'logits/semantic', 21)
    model = build(
        'deeplabv3plus_mobilenetv2_voc', **{'model.backbone.output_stride': output_stride}
    )
    assert difference(graph, model, image, expected) < EXACT


@sizes
def test_half_of_the_channels(build: Callable[..., nn.Module], size: tuple) -> None:
    image, graph = torch.randn(1, 3, *size).double(), Graph()
    x, _ = mobilenet_v2(graph, image, multiplier=0.5)
    expected = graph.biased(graph.head(x), 'logits/semantic', 21)
    assert difference(graph, build('deeplabv3_mobilenetv2-dm05_voc'), image, expected) < EXACT


def test_symmetric_padding_would_show(build: Callable[..., nn.Module]) -> None:
    seen = []
    for size in SIZES:
        image, graph = torch.randn(1, 3, *size).double(), Graph(symmetric=True)
        x, _ = mobilenet_v2(graph, image)
        expected = graph.biased(graph.head(x), 'logits/semantic', 21)
        seen.append(difference(graph, build('deeplabv3_mobilenetv2_voc'), image, expected))
    assert seen[0] < EXACT  # 4k + 1: no difference
    assert seen[1] > 1e4 * EXACT


@sizes
@pytest.mark.parametrize('window', [None, ((3, 2), (2, 1))])
@pytest.mark.parametrize(
    ('config', 'variant', 'output_stride'),
    [
        ('lraspp_mobilenetv3_voc', 'large', 16),
        ('lraspp_mobilenetv3_voc', 'large', 32),
        # below stride 32 TF has one residual more than the network that it trains at stride 32
        ('lraspp_mobilenetv3-small_voc', 'small', 32),
    ],
)
def test_lraspp(
    build: Callable[..., nn.Module],
    config: str,
    variant: str,
    output_stride: int,
    window: tuple | None,
    size: tuple,
) -> None:
    image, graph = torch.randn(1, 3, *size).double(), Graph()
    expected = lraspp(graph, image, variant, output_stride, window)
    options: dict = {'model.backbone.output_stride': output_stride}
    if window:
        options |= {
            'model.decode_head.pool_size': window[0],
            'model.decode_head.pool_stride': window[1],
        }
    assert difference(graph, build(config, **options), image, expected) < EXACT


def test_classification_layers_are_ignored(build: Callable[..., nn.Module]) -> None:
    graph = Graph()
    x, _ = mobilenet_v2(graph, torch.zeros(1, 3, 33, 33).double())
    graph.conv(x, 'MobilenetV2/Conv_1', 1280, F.relu6)
    graph.variable('MobilenetV2/Logits/Conv2d_1c_1x1/weights', 1, 1, 1280, 1001)
    model = build('deeplabv3_mobilenetv2_voc').state_dict()
    backbone = {key for key in model if key.startswith('backbone.')}
    table = tf.table_for(graph.variables)
    assert convert(graph.variables, table, model).keys() == backbone
    ignored = table.sort_out(graph.variables)
    assert {what: len(names) for what, names in ignored.items()} == {
        "variables of ImageNet's classifier": 6
    }
