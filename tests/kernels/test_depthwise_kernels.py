"""Our depthwise convolutions against PyTorch's in float64."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.models.cpu_kernels.batch_norm import BatchNorm
from mmdeeplab.models.cpu_kernels.depthwise import Depthwise, DepthwiseConv
from mmdeeplab.models.cpu_kernels.maps import LANES, blocks, channels_last, unblocked

FINE = {torch.float32: 2e-5, torch.bfloat16: 2**-7}  # of the largest output
SIZES = [(9, 13), (1, 1), (6, 33), (40, 3)]


def truth(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: tuple, relu: bool) -> Tensor:
    x = x.double().relu() if relu else x.double()
    bias = None if bias is None else bias.double()
    return F.conv2d(x, weight.double(), bias, *geometry, groups=len(weight))


CALLS = {
    'depthwise': lambda x, w: Depthwise(w, None, (1, 1), (1, 1), (1, 1))(x),
    'mask': lambda x, w: Depthwise(w, None, (1, 1), (1, 1), (1, 1))(torch.zeros(x.shape), x),
    'training': lambda x, w: DepthwiseConv.apply(x, w, (1, 1), (1, 1), (1, 1), False),
    'norm': lambda x, w: BatchNorm.apply(x, None, None, 1e-5, True),
    'norm weights': lambda x, w: BatchNorm.apply(
        torch.zeros(x.shape), x[0, :, 0, 0], None, 1e-5, 0
    ),
}


@pytest.mark.parametrize('name', CALLS)
def test_no_kernel_takes_the_memory_of_another_device(name: str) -> None:
    """Which it would read, or write, as if it were the CPU's."""
    weight, x = torch.randn(16, 1, 3, 3), torch.zeros(1, 16, 5, 5, device='meta')
    with pytest.raises(UserError, match='tensor on meta: move a network to its device'):
        CALLS[name](x, weight)


@pytest.mark.parametrize('dtype', list(FINE))
@pytest.mark.parametrize('relu', [False, True])
@pytest.mark.parametrize('kernel', [1, 3, 5])
@pytest.mark.parametrize('channels', [16, 21, 40, 72])
def test_outputs(channels: int, kernel: int, relu: bool, dtype: torch.dtype) -> None:
    weight, bias = torch.randn(channels, 1, kernel, kernel), torch.randn(channels)
    for stride in (1, 2, 3):
        for dilation in (1, 2, 4, 18):
            pad = dilation * (kernel // 2)
            geometry = ((stride, stride), (pad, pad), (dilation, dilation))
            for size in SIZES:
                x = torch.randn(2, channels, *size).to(dtype)
                exact = truth(x, weight, bias, geometry, relu)
                found = Depthwise(weight, bias, *geometry, relu)(x)
                assert found.shape == exact.shape
                assert found.dtype == dtype
                assert (found - exact).abs().max() < FINE[dtype] * exact.abs().max().clamp(min=1)


@pytest.mark.parametrize('size', [(7, 12), (33, 4)])
def test_unlike_sides_and_paddings(size: tuple[int, int]) -> None:
    weight = torch.randn(16, 1, 3, 5)
    geometry = ((2, 1), (0, 3), (1, 2))
    x = torch.randn(1, 16, *size)
    exact = truth(x, weight, None, geometry, False)
    assert (Depthwise(weight, None, *geometry)(x) - exact).abs().max() < 2e-5


@pytest.mark.parametrize('dtype', list(FINE))
@pytest.mark.parametrize('relu', [False, True])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('dilation', [1, 2, 6, 18])
@pytest.mark.parametrize('channels', [16, 37])
def test_gradients(
    channels: int, dilation: int, stride: int, relu: bool, dtype: torch.dtype
) -> None:
    weight = torch.randn(channels, 1, 3, 3)
    for pad in {dilation, 0, 1}:
        for size in [(17, 17), (6, 40), (37, 38)]:
            if min(size) + 2 * pad <= 2 * dilation:
                continue
            geometry = ((stride, stride), (pad, pad), (dilation, dilation))
            x = channels_last(torch.randn(2, channels, *size)).to(dtype)
            gradient = torch.randn_like(truth(x, weight, None, geometry, relu)).to(dtype)
            grads = []
            for kind in (dtype, torch.float64):
                a = x.detach().to(kind).requires_grad_()
                b = weight.clone().to(torch.promote_types(kind, torch.float32)).requires_grad_()
                if kind == dtype:
                    y = DepthwiseConv.apply(a, b, *geometry, relu)
                else:
                    y = F.conv2d(a.relu() if relu else a, b, None, *geometry, groups=channels)
                grads.append(torch.autograd.grad(y, (a, b), gradient.to(kind)))
            for ours, exact in zip(*grads, strict=True):
                assert ours.shape == exact.shape
                assert (ours - exact).abs().max() <= FINE[dtype] * exact.abs().max()


def test_more_threads_than_rows() -> None:
    weight = torch.randn(16, 1, 3, 3)
    x = torch.randn(1, 16, 3, 5)
    geometry = ((1, 1), (1, 1), (1, 1))
    before = torch.get_num_threads()
    torch.set_num_threads(5)
    try:
        assert (
            Depthwise(weight, None, *geometry)(x) - truth(x, weight, None, geometry, False)
        ).abs().max() < 1e-5
    finally:
        torch.set_num_threads(before)


def test_numbers_that_are_none_stay_so() -> None:
    x = torch.randn(1, 16, 5, 5).bfloat16()
    x[0, 3, 2, 2] = float('nan')
    for relu in (False, True):
        y = Depthwise(torch.ones(16, 1, 3, 3), None, (1, 1), (1, 1), (1, 1), relu)(x)
        assert y.isnan().sum() == 9


@pytest.mark.parametrize('channels', [16, 17, 31, 32, 728])
def test_blocks_and_back(channels: int) -> None:
    rows = torch.randn(9, channels)
    parts = blocks(rows)
    assert parts.shape == (-(-channels // LANES), 9, LANES)
    assert torch.equal(parts[-1], rows[:, -LANES:])
    assert torch.equal(unblocked(parts, channels), rows)
