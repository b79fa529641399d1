"""Pooling pyramids against their papers, and the arithmetic of separable convolution."""

import math
from collections.abc import Iterator

import pytest
import torch
from mmcv.cnn import DepthwiseSeparableConvModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.necks import ASPPNeck, SpatialPyramidPool, SPPNeck
from mmdeeplab.models.necks.spp import POOLS, pool


def weights(module: nn.Module) -> int:
    """Values of the convolutions' kernels."""
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Conv2d))


def test_separable_convolution_has_75_weights_for_432() -> None:
    full = nn.Conv2d(3, 16, 3, bias=False)
    separable = DepthwiseSeparableConvModule(3, 16, 3, norm_cfg=dict(type='BN'))
    assert weights(full) == 3 * 3 * 3 * 16 == 432
    assert weights(separable) == 3 * 3 * 3 + 3 * 16 == 75
    # spec 3: the same law on ASPP's real branches, 1/256 + 1/9 of the weights
    full, separable = (ASPPNeck(2048, rates=(6,), separable=flag).atrous for flag in (False, True))
    assert (weights(full), weights(separable)) == (4_718_592, 542_720)
    assert weights(separable) / weights(full) == pytest.approx(1 / 256 + 1 / 9)


@pytest.mark.parametrize(('bins', 'length'), [((6, 3, 2, 1), 50), ((4, 3, 2, 1), 30)])
@pytest.mark.parametrize('size', [(13, 13), (10, 17), (2, 5)])
def test_length_does_not_depend_on_size(bins: tuple, length: int, size: tuple) -> None:
    layer = SpatialPyramidPool(bins)
    assert layer(torch.zeros(2, 7, *size)).shape == (2, 7 * length)
    assert layer.length(7) == 7 * length


def by_hand(x: Tensor, bins: tuple, reduce: object) -> Tensor:
    """SPPNet's appendix: bin i of n reaches from floor(i * a / n) to ceil((i + 1) * a / n)."""
    channels, height, width = x.shape
    values = []
    for n in bins:
        for channel in range(channels):
            for i in range(n):
                for j in range(n):
                    rows = slice(math.floor(i * height / n), math.ceil((i + 1) * height / n))
                    columns = slice(math.floor(j * width / n), math.ceil((j + 1) * width / n))
                    values.append(reduce(x[channel, rows, columns]))
    return torch.stack(values)


@pytest.mark.parametrize(('mode', 'reduce'), [('max', torch.max), ('avg', torch.mean)])
def test_bins_and_regions(mode: str, reduce: object) -> None:
    layer = SpatialPyramidPool((6, 3, 2, 1), mode)
    x = torch.randn(2, 3, 11, 8)
    whole = torch.stack([by_hand(image, layer.bins, reduce) for image in x])
    torch.testing.assert_close(layer(x), whole)
    boxes = torch.tensor([[1, 0, 0, 8, 11], [0, 2, 3, 7, 10], [0, 5, 5, 6, 6]])
    regions = [x[1], x[0, :, 3:10, 2:7], x[0, :, 5:6, 5:6]]
    expected = torch.stack([by_hand(region, layer.bins, reduce) for region in regions])
    torch.testing.assert_close(layer(x, boxes), expected)
    assert layer(x, boxes[:0]).shape == (0, 150)


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('size', [(13, 13), (11, 8), (2, 5), (1, 1)])
@pytest.mark.parametrize('bins', [1, 2, 3, 6])
def test_deterministic_pooling_is_the_adaptive_one(
    bins: int, size: tuple, mode: str, deterministic: None
) -> None:
    outcomes = []
    for function in (lambda x: pool(x, bins, mode), lambda x: POOLS[mode](x, bins)):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(2, 3, *size, generator=generator).requires_grad_()
        y = function(x)
        (y * torch.randn(y.shape, generator=generator)).sum().backward()
        outcomes.append((y, x.grad))
    torch.testing.assert_close(*outcomes)


def test_deterministic_pyramids_have_no_adaptive_pooling(deterministic: None) -> None:
    """Its backward pass on GPUs is refused there."""
    for mode in POOLS:
        for layer, given in ((SPPNeck(6, 4, mode=mode), 1), (SpatialPyramidPool(mode=mode), 0)):
            x = torch.randn(2, 6, 7, 5, requires_grad=True)
            with torch.profiler.profile() as profile:
                y = layer([x]) if given else layer(x)
                (y[0] if given else y).sum().backward()
            names = {event.key for event in profile.key_averages()}
            assert not [name for name in names if 'adaptive' in name]
            assert any('mean' in name or 'max' in name for name in names)


def test_refuses_other_modes_and_empty_regions() -> None:
    for make in (SpatialPyramidPool, lambda mode: SPPNeck(4, mode=mode)):
        with pytest.raises(ValueError, match="max, avg, got 'sum'"):
            make(mode='sum')
    with pytest.raises(ValueError, match=r'box \[0, 3, 1, 3, 2\]'):
        SpatialPyramidPool()(torch.zeros(1, 1, 4, 4), torch.tensor([[0, 3, 1, 3, 2]]))


def test_neck_is_pool_mix_spread_project() -> None:
    neck = SPPNeck(6, channels=4, bins=(3, 1), dropout=0.0)
    neck.init_weights()
    neck.eval()
    low, x = torch.randn(2, 5, 9, 9), torch.randn(2, 6, 5, 7)
    same, y = neck((low, x))
    assert same is low
    spread = [x]
    for n, level in zip((3, 1), neck.levels, strict=True):
        pooled = by_hand(x.flatten(0, 1), (n,), torch.mean).view(2, 6, n, n)
        mixed = F.conv2d(pooled, level.conv.weight) / math.sqrt(1 + 1e-5)
        spread.append(F.interpolate(mixed.relu(), (5, 7), mode='bilinear', align_corners=True))
    expected = F.conv2d(torch.cat(spread, 1), neck.projection.conv.weight) / math.sqrt(1 + 1e-5)
    torch.testing.assert_close(y, expected.relu(), rtol=1e-4, atol=1e-5)


def test_neck_trains_on_one_image() -> None:
    neck = SPPNeck(6, channels=4).train()
    (y,) = neck((torch.randn(1, 6, 5, 5),))
    y.sum().backward()
    assert all(p.grad is not None for p in neck.parameters())


def test_neck_fits_where_aspp_stands(build: object) -> None:
    options = dict(_delete_=True, type='mmdeeplab.SPPNeck', in_channels=2048, channels=256)
    model = build('deeplabv3plus_xception_voc', **{'model.neck': options}).to('meta').eval()
    assert model(torch.zeros(1, 3, 129, 129, device='meta')).shape == (1, 21, 33, 33)
