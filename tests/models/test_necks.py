"""Every neck, by the same questions, and ASPP against its formula. A new neck is a new row."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmdeeplab.models import necks
from mmdeeplab.models.layers.conv import conv3x3, convolutions
from mmdeeplab.models.necks import ASPPNeck, DensePredictionCellNeck, LargeFOVNeck, SPPNeck

NECKS = [
    ('aspp', lambda: ASPPNeck(32, 16, (1, 2, 3))),
    ('aspp-separable', lambda: ASPPNeck(32, 16, (1, 2, 3), separable=True)),
    ('aspp-refined', lambda: ASPPNeck(32, 16, (1, 2, 3), separable='bare', num_convs=1)),
    ('aspp-without-atrous', lambda: ASPPNeck(32, 16, ())),
    ('aspp-without-image-pooling', lambda: ASPPNeck(32, 16, (1, 2), image_pooling=False)),
    ('aspp-3x3-projection', lambda: ASPPNeck(32, 16, (1, 2, 3), projection_kernel=3)),
    ('dense-prediction-cell', lambda: DensePredictionCellNeck(32, 16)),
    ('large-fov', lambda: LargeFOVNeck(32, 16, rates=(2,))),
    ('aspp-of-v2', lambda: LargeFOVNeck(32, 8, rates=(1, 2))),
    ('spp', lambda: SPPNeck(32, 16)),
]
NO_NECK = {'SpatialPyramidPool'}  # gives a vector: tests/models/test_spp.py
rows = pytest.mark.parametrize('make', [row[1] for row in NECKS], ids=[row[0] for row in NECKS])
Make = Callable[[], nn.Module]


def maps(batch: int = 2, side: int = 9) -> tuple:
    return torch.randn(batch, 8, 2 * side, 2 * side), torch.randn(batch, 32, side, side + 1)


def test_every_neck_has_a_row() -> None:
    assert {type(make()).__name__ for _, make in NECKS} == {*necks.__all__} - NO_NECK


@rows
def test_only_the_last_map_changes(make: Make) -> None:
    low, last = maps()
    result = make()((low, last))
    assert result[0] is low
    assert len(result) == 2
    assert result[1].shape == (2, 16, 9, 10)


@rows
def test_a_batch_of_one_trains(make: Make) -> None:
    neck = make().train()
    neck(maps(1))[-1].sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in neck.parameters())


@rows
def test_eval_returns_the_module(make: Make) -> None:
    neck = make()
    assert neck.eval() is neck


@rows
def test_initialises(make: Make) -> None:
    neck = make()
    neck.init_weights()
    assert all(p.isfinite().all() for p in neck.parameters())


def test_a_batch_of_one_uses_the_running_statistics() -> None:
    neck = ASPPNeck(32, 16, ())
    norm = neck.image_pooling.bn
    nn.init.normal_(norm.running_mean)
    before = norm.running_mean.clone()
    x = torch.randn(1, 32, 1, 1)
    trained = neck.train().image_pooling(x)
    torch.testing.assert_close(trained, neck.eval().image_pooling(x))
    torch.testing.assert_close(norm.running_mean, before)


def test_two_images_use_the_batch_statistics() -> None:
    neck = ASPPNeck(32, 16, ()).train()
    x = torch.randn(2, 32, 1, 1)
    norm = neck.image_pooling.bn
    expected = F.relu(F.batch_norm(neck.image_pooling.conv(x), None, None, training=True))
    torch.testing.assert_close(neck.image_pooling(x), expected, rtol=1e-4, atol=1e-4)
    assert norm.num_batches_tracked == 1


@pytest.mark.parametrize('image_pooling', [True, False])
def test_aspp_is_its_formula(image_pooling: bool) -> None:
    """Concatenate [pool, 1x1, rates], project, in float64 and by plain functions."""
    neck = ASPPNeck(32, 16, (1, 2, 3), image_pooling=image_pooling).double().eval()
    x = torch.randn(1, 32, 9, 9, dtype=torch.float64)

    def block(conv: nn.Module, x: torch.Tensor, rate: int = 0) -> torch.Tensor:
        y = F.conv2d(x, conv.conv.weight, padding=rate, dilation=max(rate, 1))
        scale = conv.bn.weight / (conv.bn.running_var + 1e-5).sqrt()
        shift = conv.bn.bias - conv.bn.running_mean * scale
        return (y * scale[:, None, None] + shift[:, None, None]).clamp(min=0)

    for norm in (m for m in neck.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.normal_(norm.bias)
    branches = [block(neck.pointwise, x)]
    if image_pooling:
        pooled = block(neck.image_pooling, x.mean((2, 3), keepdim=True))
        pooled = F.interpolate(pooled, (9, 9), mode='bilinear', align_corners=True)
        branches.insert(0, pooled)
    branches += [
        block(branch, x, rate) for branch, rate in zip(neck.atrous, (1, 2, 3), strict=True)
    ]
    expected = block(neck.projection, torch.cat(branches, 1))
    torch.testing.assert_close(neck((x,))[0], expected, rtol=1e-12, atol=1e-12)


def test_refuses_a_rate_of_zero() -> None:
    with pytest.raises(ValueError, match=r'rates must be at least 1, got \(6, 0\)'):
        ASPPNeck(32, 16, (6, 0))


def test_bare_separable_convolutions_have_no_norm_in_between() -> None:
    """One 3x3 whose kernel is the product of the two, then BN and ReLU."""
    conv = conv3x3(4, 6, 2, 'bare', dict(type='BN')).eval()
    depthwise, pointwise = conv.depthwise_conv.conv, conv.pointwise_conv.conv
    assert depthwise.bias is None
    assert pointwise.bias is None
    kernel = pointwise.weight * depthwise.weight[:, 0]
    x = torch.randn(1, 4, 9, 9)
    expected = conv.pointwise_conv.bn(F.conv2d(x, kernel, padding=2, dilation=2)).relu()
    torch.testing.assert_close(conv(x), expected)
    with pytest.raises(ValueError, match="False, True, bare, got 'split'"):
        conv3x3(4, 6, 2, 'split', dict(type='BN'))


@pytest.mark.parametrize(
    'settings',
    [
        dict(rates=()),
        dict(rates=((1, 0),), inputs=(-1,)),
        dict(rates=((1, 2, 3),), inputs=(-1,)),
        dict(inputs=(-1, 0, 1)),
        dict(inputs=(-1, 1, 0, 0, 0)),
        dict(inputs=(-2, 0, 1, 0, 0)),
    ],
)
def test_a_cell_that_makes_no_sense_is_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match=r'rates must be|inputs must be'):
        DensePredictionCellNeck(32, 16, **settings)


def test_an_initialisation_of_the_config_is_carried_out() -> None:
    constant = dict(type='Constant', layer='Conv2d', val=0.5)
    neck = ASPPNeck(32, 16, (1, 2, 3), init_cfg=constant)
    neck.init_weights()
    assert all((conv.weight == 0.5).all() for conv, _ in convolutions(neck))
