"""Our separable convolution against PyTorch's, in outputs and gradients."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from mmdeeplab.models.layers import separable
from mmdeeplab.models.layers.separable import SeparableConv2d, _Depthwise

SIZES = [(17, 17), (9, 14), (33, 5), (1, 3)]


def layer(dilation: int, dtype: torch.dtype = torch.float32) -> SeparableConv2d:
    return SeparableConv2d(
        16, 16, 3, padding=dilation, dilation=dilation, groups=16, bias=False, dtype=dtype
    )


def outcome(
    conv: nn.Module, x: torch.Tensor, gradient: torch.Tensor, plain: bool
) -> tuple[torch.Tensor, ...]:
    """Output, gradient of the input, gradient of the weight."""
    x, conv.weight.grad = x.detach().clone().requires_grad_(), None
    y = nn.Conv2d.forward(conv, x) if plain else conv(x)
    y.backward(gradient)
    assert x.grad is not None
    assert conv.weight.grad is not None
    return y.detach(), x.grad, conv.weight.grad.clone()


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('dilation', [2, 6, 12, 18])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_equals_conv2d(
    size: tuple, dilation: int, layout: torch.memory_format, dtype: torch.dtype
) -> None:
    conv = layer(dilation, torch.float32)
    x = torch.randn(2, 16, *size).to(memory_format=layout)
    gradient = torch.randn(x.shape)
    ours = outcome(conv, x, gradient, plain=False)
    truth = outcome(conv.to(dtype), x.to(dtype), gradient.to(dtype), plain=True)
    for a, b in zip(ours, truth, strict=True):
        torch.testing.assert_close(a, b.float(), rtol=1e-5, atol=2e-5)


def test_kernels_are_not_compiled_for_the_layout_that_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(separable, 'available', lambda weight: asked.append(weight) is not None)
    for layout in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(2, 16, 17, 17, requires_grad=True).to(memory_format=layout)
        layer(2)(x)
        assert len(asked) == (layout == torch.channels_last)


def test_float16_needs_no_kernel() -> None:
    conv = layer(2)
    x = torch.randn(2, 16, 17, 17).to(memory_format=torch.channels_last)
    with torch.autocast('cpu', torch.float16):
        results = [outcome(conv, x, torch.ones_like(x).half(), plain) for plain in (False, True)]
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)


@pytest.mark.parametrize('dilation', [2, 12])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_under_autocast_it_is_no_less_exact(dilation: int, layout: torch.memory_format) -> None:
    conv = layer(dilation)
    x = torch.randn(2, 16, 17, 17).to(memory_format=layout)
    gradient = torch.randn(x.shape).bfloat16()
    truth = outcome(conv, x, gradient.float(), plain=True)
    with torch.autocast('cpu', torch.bfloat16):
        ours, theirs = (outcome(conv, x, gradient, plain) for plain in (False, True))
    assert ours[0].dtype == theirs[0].dtype == torch.bfloat16
    for a, b, exact in zip(ours, theirs, truth, strict=True):
        assert a.dtype == b.dtype
        assert (a - exact).abs().max() <= 1.1 * (b - exact).abs().max()


def test_takes_its_own_way_only_where_it_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(_Depthwise, 'apply', lambda x, *_: calls.append(x) or x)
    x = torch.randn(1, 16, 9, 9)
    layer(4)(x)
    assert len(calls) == 1
    with torch.no_grad():
        layer(4)(x)
    others = [
        layer(1),
        SeparableConv2d(16, 16, 3, padding=2, dilation=2, bias=False),
        SeparableConv2d(16, 16, 3, padding=2, dilation=2, groups=16),
        SeparableConv2d(16, 16, 3, padding=1, dilation=2, groups=16, bias=False),
        SeparableConv2d(16, 16, 3, 2, padding=2, dilation=2, groups=16, bias=False),
    ]
    for conv in others:
        assert torch.equal(conv(x), nn.Conv2d.forward(conv, x))
    assert layer(4).to('meta')(x.to('meta')).shape == x.shape
    assert len(calls) == 1


@pytest.mark.parametrize('dilation', [2, 9])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_gradients_by_differences(dilation: int, layout: torch.memory_format) -> None:
    x = torch.randn(1, 2, 4, 11, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    weight = torch.randn(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: _Depthwise.apply(a, b, dilation), (x, weight))


@pytest.mark.parametrize('size', [(17, 17), (1, 1), (2, 1)])
def test_pointwise_under_autocast(size: tuple) -> None:
    conv = SeparableConv2d(16, 24, 1, bias=False).to(memory_format=torch.channels_last)
    x = torch.randn(2, 16, *size).to(memory_format=torch.channels_last)
    gradient = torch.randn(2, 24, *size).bfloat16()
    truth = outcome(conv, x, gradient.float(), plain=True)
    with torch.autocast('cpu', torch.bfloat16):
        ours, theirs = (outcome(conv, x, gradient, plain) for plain in (False, True))
    for a, b, exact in zip(ours, theirs, truth, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert (a - exact).abs().max() <= 1.1 * (b - exact).abs().max() + 1e-6


def test_a_trace_of_a_network_whose_weights_ask_for_gradients_is_right() -> None:
    network = nn.Sequential(layer(2), nn.Conv2d(16, 8, 1), nn.ReLU()).eval()
    x = torch.randn(2, 16, 20, 30)
    traced = torch.jit.trace(network, x)  # raises where a second recording differs
    other = torch.randn(1, 16, 25, 17)
    torch.testing.assert_close(traced(other), network(other))


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_transforms_of_torch_func_and_forward_mode(layout: torch.memory_format) -> None:
    """Against PyTorch's own gradients, image by image, and one derivative by their product."""
    conv = layer(2, torch.float64)
    x = torch.randn(2, 16, 9, 8, dtype=torch.float64).to(memory_format=layout)

    def loss(weight: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(conv, dict(weight=weight), (image[None],)).square().sum()

    weight = conv.weight.detach()
    by_image = torch.func.vmap(torch.func.grad(loss), (None, 0))(weight, x)
    for image, gradient in zip(x, by_image, strict=True):
        nn.Conv2d.forward(conv, image[None]).square().sum().backward()
        torch.testing.assert_close(gradient, conv.weight.grad)
        conv.weight.grad = None
    direction = torch.randn_like(weight)
    _, slope = torch.func.jvp(lambda w: loss(w, x[0]), (weight,), (direction,))
    torch.testing.assert_close(slope, (by_image[0] * direction).sum())
    with forward_ad.dual_level():
        conv(forward_ad.make_dual(x, torch.ones_like(x)))
