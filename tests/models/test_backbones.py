"""Every backbone, by the same questions. A new backbone is a new row of BACKBONES."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mmdeeplab.models import backbones
from mmdeeplab.models.backbones import (
    AtrousResNet,
    AtrousVGG16,
    MobileNetV2,
    MobileNetV3,
    Xception,
)
from mmdeeplab.models.backbones.inverted_residual import SqueezeExcite
from mmdeeplab.models.layers.conv import convolutions

# name, constructor, parameters, (channels, nominal stride) of each output
BACKBONES = [
    (
        f'xception{depth}',
        lambda depth=depth, **kw: Xception(depth, **kw),
        parameters,
        [(256, 4), (728, 8), (1024, 16), (2048, 32)],
    )
    for depth, parameters in ((41, 24_920_560), (65, 37_867_312), (71, 40_289_736))
]
BACKBONES.append(
    ('vgg16', AtrousVGG16, 14_714_688, [(64, 2), (128, 4), (256, 8), (512, 16), (512, 32)])
)
RESNET_MAPS = [(256, 4), (512, 8), (1024, 16), (2048, 32)]
BETA = 3 * 64 * 9 + 64 * 64 * 9 + 64 * 128 * 9 + 512 - (3 * 64 * 49 + 128) + 64 * (64 + 256)
BACKBONES += [  # torchvision's parameters without its classifier; those of the beta stem by hand
    ('resnet50', lambda **kw: AtrousResNet(50, **kw), 23_508_032 + BETA, RESNET_MAPS),
    (  # as in mmseg, by whose class it was counted (spec 7)
        'resnet50-v1c',
        lambda **kw: AtrousResNet(50, stem='v1c', style='torchvision', taps='stage', **kw),
        23_527_264,
        RESNET_MAPS,
    ),
    (
        'resnet50-7x7-torchvision',
        lambda **kw: AtrousResNet(50, stem='7x7', style='torchvision', taps='stage', **kw),
        23_508_032,
        RESNET_MAPS,
    ),
    (
        'resnet50-7x7-caffe',
        lambda **kw: AtrousResNet(50, stem='7x7', style='caffe', taps='stage', **kw),
        23_508_032,
        RESNET_MAPS,
    ),
    ('resnet101', lambda **kw: AtrousResNet(101, **kw), 42_623_936, RESNET_MAPS),
    (
        'resnet50-block7',
        lambda **kw: AtrousResNet(50, multi_grid=(1, 2, 1), blocks=7, **kw),
        23_508_032 + BETA + 3 * 13_387_776,
        RESNET_MAPS,
    ),
]
# MobileNetV2: torchvision's 3,504,872 without the 1280-channel convolution and its classifier.
BACKBONES += [
    (
        'mobilenetv2',
        MobileNetV2,
        3_504_872 - (320 * 1280 + 2 * 1280) - (1280 * 1000 + 1000),
        [(144, 4), (192, 8), (576, 16), (320, 32)],
    ),
    (
        'mobilenetv2-dm05',
        lambda **kw: MobileNetV2(0.5, **kw),
        477_088,
        [(72, 4), (96, 8), (288, 16), (160, 32)],
    ),
    (
        'mobilenetv3-large',
        lambda **kw: MobileNetV3('large', **kw),
        1_379_184,
        [(72, 4), (120, 8), (672, 16), (480, 32)],
    ),
    (
        'mobilenetv3-small',
        lambda **kw: MobileNetV3('small', **kw),
        390_576,
        [(16, 4), (88, 8), (144, 16), (288, 32)],
    ),
]
# torchvision's parameters without its classifiers. Where a stride is lost these dilate at once.
PORTS = [
    (
        'resnet50-7x7-smp',
        lambda **kw: AtrousResNet(50, stem='7x7', style='smp', taps='stage', **kw),
        23_508_032,
        RESNET_MAPS,
    ),
    (
        'mobilenetv2-torchvision',
        lambda **kw: MobileNetV2(last_channels=1280, style='torchvision', taps='last', **kw),
        3_504_872 - (1280 * 1000 + 1000),
        [(24, 4), (32, 8), (96, 16), (1280, 32)],
    ),
    (
        'mobilenetv3-torchvision',
        lambda **kw: MobileNetV3('large-full', style='torchvision', taps='first', **kw),
        5_483_032 - (960 * 1280 + 1280) - (1280 * 1000 + 1000),
        [(24, 4), (40, 8), (80, 16), (960, 32)],
    ),
]
ATROUS_TWINS = BACKBONES
BACKBONES = ATROUS_TWINS + PORTS


def parametrized(rows: list) -> pytest.MarkDecorator:
    names = ('make', 'parameters', 'maps')
    return pytest.mark.parametrize(names, [r[1:] for r in rows], ids=[r[0] for r in rows])


rows = parametrized(BACKBONES)
Make = Callable[..., nn.Module]


def randomise_norms(model: nn.Module) -> None:
    """BN statistics as after training, small on the last one so that signals stay finite."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)


def side_at(name: str, side: int, stride: int) -> int:
    """A map's side: halving rounds up, but Caffe's padded pools make an even side n/2 + 1."""
    for reached in (1, 2, 4, 8, 16):
        if reached == stride:
            break
        caffe_pool = name == 'vgg16' or ('caffe' in name and reached == 2)
        side = side // 2 + 1 if caffe_pool else -(-side // 2)
    return side


def make_gates_constant(model: nn.Module) -> None:
    """Squeeze-excite averages over the map, and a finer map has another mean: let it not matter."""
    for layer in model.modules():
        if isinstance(layer, SqueezeExcite):
            nn.init.zeros_(layer.squeeze.weight)
            nn.init.normal_(layer.excite.bias)


def run(model: nn.Module, image: Tensor) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return model.eval()(image)


def test_rows_exist() -> None:
    assert len(BACKBONES) >= 3


def test_every_backbone_has_a_row() -> None:
    elsewhere = {'TimmBackbone'}  # test_timm_backbone.py asks the same of timm's networks
    with torch.device('meta'):
        assert {type(row[1]()).__name__ for row in BACKBONES} == {*backbones.__all__} - elsewhere


@rows
def test_parameters(make: Make, parameters: int, maps: list) -> None:
    assert sum(p.numel() for p in make().parameters()) == parameters


@pytest.mark.parametrize(
    ('name', 'make', 'maps'),
    [(name, make, maps) for name, make, _, maps in BACKBONES],
    ids=[row[0] for row in BACKBONES],
)
@pytest.mark.parametrize('size', [(97, 65), (64, 98)])
@pytest.mark.parametrize('output_stride', [8, 16, 32])
def test_shapes(name: str, make: Make, maps: list, size: tuple, output_stride: int) -> None:
    model = make(output_stride=output_stride).to('meta')
    outputs = model.eval()(torch.zeros(2, 3, *size, device='meta'))
    expected = []
    for channels, nominal in maps:
        stride = min(nominal, output_stride)
        expected.append((2, channels, *(side_at(name, side, stride) for side in size)))
    assert [tuple(o.shape) for o in outputs] == expected


@parametrized(ATROUS_TWINS)
@pytest.mark.parametrize('output_stride', [8, 16])
def test_dense_equals_nominal(make: Make, parameters: int, maps: list, output_stride: int) -> None:
    """The same weights at a finer stride give, on the coarse grid, the coarse answer."""
    nominal, dense = make(output_stride=32), make(output_stride=output_stride)
    nominal.init_weights()
    randomise_norms(nominal)
    make_gates_constant(nominal)
    dense.load_state_dict(nominal.state_dict())
    image = torch.randn(1, 3, 129, 97, dtype=torch.float64)
    coarse = run(nominal.double(), image)
    fine = run(dense.double(), image)
    if isinstance(nominal, AtrousVGG16):  # its last pools do not dilate (tests/models/test_vgg.py)
        coarse, fine, maps = coarse[:-1], fine[:-1], maps[:-1]
    for a, b, (_, stride) in zip(coarse, fine, maps, strict=True):
        step = max(stride // output_stride, 1)
        torch.testing.assert_close(b[:, :, ::step, ::step], a, rtol=1e-9, atol=1e-9)


@rows
def test_modes(make: Make, parameters: int, maps: list) -> None:
    model = make()
    assert model.eval() is model
    assert model.train() is model


@pytest.mark.parametrize('make', [row[1] for row in BACKBONES if row[1] is not AtrousVGG16])
def test_norm_eval_freezes_statistics_only(make: Make) -> None:
    model = make(norm_eval=True).train()
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(m.training for m in norms)
    assert all(m.weight.requires_grad for m in norms)


@rows
def test_every_parameter_has_a_gradient(make: Make, parameters: int, maps: list) -> None:
    model = make()
    sum(o.square().mean() for o in model(torch.randn(2, 3, 65, 65))).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent


@rows
@pytest.mark.parametrize('output_stride', [4, 12, '16'])
def test_refuses_other_strides(
    make: Make, parameters: int, maps: list, output_stride: object
) -> None:
    with pytest.raises(ValueError, match=f'8, 16, 32, got {output_stride!r}'):
        make(output_stride=output_stride)


def test_an_initialisation_of_the_config_is_carried_out() -> None:
    backbone = MobileNetV2(init_cfg=dict(type='Constant', layer='Conv2d', val=0.5))
    backbone.init_weights()
    assert all((conv.weight == 0.5).all() for conv, _ in convolutions(backbone))
