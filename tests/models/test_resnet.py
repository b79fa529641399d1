"""What is particular to ResNet: strides and rates of the styles (spec 1.3), taps, pools, peers."""

import re
from collections.abc import Callable

import pytest
import torch
from mmseg.models.backbones import ResNet, ResNetV1c
from test_backbones import randomise_norms
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.atrous import Step, atrous_steps, block_strides
from mmdeeplab.models.backbones import AtrousResNet
from mmdeeplab.models.backbones.resnet_layers import SamePool

# (style, output stride) -> rates of the 3x3 convolutions in blocks 3 and 4, without multi-grid
RATES = {
    ('tf', 32): ([1] * 6, [1, 1, 1]),
    ('tf', 16): ([1] * 6, [2, 2, 2]),
    ('tf', 8): ([2] * 6, [4, 4, 4]),
    ('caffe', 32): ([1] * 6, [1, 1, 1]),
    ('caffe', 16): ([1] * 6, [2, 2, 2]),
    ('caffe', 8): ([2] * 6, [4, 4, 4]),
    ('torchvision', 32): ([1] * 6, [1, 1, 1]),
    ('torchvision', 16): ([1] * 6, [1, 2, 2]),
    ('torchvision', 8): ([1, 2, 2, 2, 2, 2], [2, 4, 4]),
    ('smp', 32): ([1] * 6, [1, 1, 1]),
    ('smp', 16): ([1] * 6, [2, 2, 2]),
    ('smp', 8): ([2] * 6, [4, 4, 4]),
}


def rates(block: nn.ModuleList) -> list[int]:
    return [unit.conv2.conv.dilation[0] for unit in block]


def make(**options: object) -> nn.Module:
    model = AtrousResNet(50, **options)
    model.init_weights()
    randomise_norms(model)
    return model.eval()


@pytest.mark.parametrize(('style', 'output_stride'), RATES)
@pytest.mark.parametrize('grid', [(1, 1, 1), (1, 2, 4)])
def test_executed_rates(style: str, output_stride: int, grid: tuple) -> None:
    model = AtrousResNet(50, output_stride, grid, style=style).to('meta')
    third, fourth = RATES[style, output_stride]
    assert rates(model.block1) == [1] * 3
    assert rates(model.block2) == [1] * 4
    assert rates(model.block3) == third
    assert rates(model.block4) == [rate * factor for rate, factor in zip(fourth, grid, strict=True)]


@pytest.mark.parametrize(('output_stride', 'strided'), [(32, '123'), (16, '12'), (8, '1')])
def test_tf_strides_in_the_last_unit(output_stride: int, strided: str) -> None:
    model = AtrousResNet(50, output_stride)
    convs = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.stride[0] == 2]
    last = {'1': 2, '2': 3, '3': 5}
    assert set(convs) - {'stem.0.conv'} == {f'block{b}.{last[b]}.conv2.conv' for b in strided}


@pytest.mark.parametrize(
    ('style', 'conv'), [('caffe', 'conv1'), ('torchvision', 'conv2'), ('smp', 'conv2')]
)
def test_others_stride_in_the_first_unit(style: str, conv: str) -> None:
    model = AtrousResNet(50, 16, style=style)
    convs = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.stride[0] == 2]
    expected = {f'block{b}.0.{c}.conv' for b in (2, 3) for c in (conv, 'shortcut')}
    assert set(convs) - {'stem.0.conv'} == expected


def test_cascade() -> None:
    """Blocks 4 to 7 at rates 2, 4, 8, 16 times the multi-grid (arXiv 1706.05587, section 3.2)."""
    for style in ('tf', 'caffe'):
        model = AtrousResNet(50, 16, (1, 2, 1), style=style, blocks=7)
        blocks = [rates(getattr(model, f'block{b}')) for b in (4, 5, 6, 7)]
        assert blocks == [[2, 4, 2], [4, 8, 4], [8, 16, 8], [16, 32, 16]]
        assert all(unit.shortcut is None for unit in model.block7)


def test_stride_arithmetic() -> None:
    assert block_strides((2, 3, 1), at_end=True) == [1, 2, 1, 1, 2, 1]
    assert block_strides((2, 3, 1), at_end=False) == [1, 1, 2, 1, 1, 2]
    late = atrous_steps([1, 2, 1, 2, 1], 2)
    early = atrous_steps([1, 2, 1, 2, 1], 2, strided_first=True)
    assert late == [Step(1, 1), Step(2, 1), Step(1, 1), Step(1, 1), Step(1, 2)]
    assert early == [Step(1, 1), Step(2, 1), Step(1, 1), Step(1, 2), Step(1, 2)]


@pytest.mark.parametrize('output_stride', [8, 16, 32])
def test_caffe_equals_tf(output_stride: int) -> None:
    """Striding in a block's last 3x3 or in the next block's first 1x1 is the same function."""
    tf, caffe = (make(output_stride=output_stride, style=s) for s in ('tf', 'caffe'))
    caffe.load_state_dict(tf.state_dict())
    image = torch.randn(1, 3, 97, 65, dtype=torch.float64)
    with torch.no_grad():
        for a, b in zip(tf.double()(image), caffe.double()(image), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def mmseg_name(key: str) -> str:
    """One of our keys in mmseg's ResNet."""
    for old, new in (
        (r'stem\.0\.conv', 'conv1'),
        (r'stem\.0\.bn', 'bn1'),
        (r'block(\d)', r'layer\1'),
        (r'conv(\d)\.conv', r'conv\1'),
        (r'conv(\d)\.bn', r'bn\1'),
        (r'shortcut\.conv', 'downsample.0'),
        (r'shortcut\.bn', 'downsample.1'),
    ):
        key = re.sub(old, new, key)
    return key


def mmseg_beta_name(key: str) -> str:
    key = re.sub(r'stem\.(\d)\.conv', lambda m: f'stem.{3 * int(m[1])}', key)
    return mmseg_name(re.sub(r'stem\.(\d)\.bn', lambda m: f'stem.{3 * int(m[1]) + 1}', key))


DILATED = dict(depth=50, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))
PEERS = {
    'tf': (
        lambda: ResNetV1c(stem_channels=128, style='caffe', multi_grid=(4, 8, 16), **DILATED),
        dict(stem='beta', style='tf', multi_grid=(1, 2, 4)),
        mmseg_beta_name,
    ),
    'caffe': (
        lambda: ResNet(style='caffe', **DILATED),
        dict(stem='7x7', style='caffe', taps='stage'),
        mmseg_name,
    ),
    'torchvision': (
        lambda: ResNet(style='pytorch', contract_dilation=True, **DILATED),
        dict(stem='7x7', style='torchvision', taps='stage'),
        mmseg_name,
    ),
}


@pytest.mark.parametrize('row', PEERS)
def test_equals_mmseg_where_mmseg_is_right(row: str) -> None:
    """On odd sizes, where the pools agree; mmseg's own taps are the stages."""
    peer, options, name = PEERS[row]
    ours, theirs = make(output_stride=8, **options), peer()
    theirs.load_state_dict({name(key): value for key, value in ours.state_dict().items()})
    theirs.eval()
    image = torch.randn(1, 3, 97, 65, dtype=torch.float64)
    with torch.no_grad():
        a, b = ours.double()(image), theirs.double()(image)
    for index in (3,) if row == 'tf' else range(4):
        torch.testing.assert_close(a[index], b[index], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('style', ['tf', 'caffe', 'torchvision'])
def test_conv3_taps_precede_addition_and_relu(style: str) -> None:
    model = make(style=style)
    seen = {}
    for i, u in ((1, 1), (2, 2), (3, 4)):
        model.get_submodule(f'block{i}.{u}.conv3').register_forward_hook(
            lambda _, __, output, i=i: seen.update({i: output.clone()})
        )
    with torch.no_grad():
        maps = model(torch.randn(1, 3, 65, 65))
    for i in (1, 2, 3):
        assert torch.equal(maps[i - 1], seen[i])
        assert (maps[i - 1] < 0).any()


@pytest.mark.parametrize('side', [7, 8, 16, 17])
def test_tf_pool(side: int) -> None:
    """Every window of TF's SAME padding, spelled out."""
    x = torch.randn(1, 2, side, side + 1)

    def pad(n: int) -> tuple[int, int]:
        total = max((-(-n // 2) - 1) * 2 + 3 - n, 0)
        return total // 2, total - total // 2

    padded = F.pad(x, (*pad(side + 1), *pad(side)), value=-torch.inf)
    expected = padded.unfold(2, 3, 2).unfold(3, 3, 2).amax((-1, -2))
    assert torch.equal(SamePool()(x), expected)


def test_initialisation_keeps_he_variance() -> None:
    model = AtrousResNet(50)
    model.init_weights()
    weight: Tensor = model.block4[1].conv2.conv.weight.detach()
    fan_in = 9 * 512
    assert weight.var() == pytest.approx(2 / fan_in, rel=1e-2)
    assert weight.abs().max() <= 2 * (2.6 / fan_in) ** 0.5 + 1e-6


REFUSED = [
    (lambda: AtrousResNet(18), '50, 101, got 18; ResNet-18 and -34: mmdeeplab.TimmBackbone'),
    (lambda: AtrousResNet(152), '50, 101, got 152$'),
    (lambda: AtrousResNet(stem='v1d'), "beta, v1c, 7x7, got 'v1d'"),
    (lambda: AtrousResNet(style='pytorch'), "tf, caffe, torchvision, smp, got 'pytorch'"),
    (lambda: AtrousResNet(taps='stage'), "conv3, got 'stage'"),
    (lambda: AtrousResNet(blocks=8), '4, 5, 6, 7, got 8'),
    (lambda: AtrousResNet(multi_grid=(1, 2)), r'3 factors, got \(1, 2\)'),
]


@pytest.mark.parametrize(('call', 'message'), REFUSED, ids=[message for _, message in REFUSED])
def test_refuses(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
