"""Our batch normalisation against PyTorch's in float64, which it is as near as PyTorch's own."""

import copy
import io

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.cpu_kernels.batch_norm import BatchNorm
from mmdeeplab.models.cpu_kernels.maps import channels_last
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.models.norms.fused import FusedBatchNorm2d, fuse_norms

KINDS = [torch.float32, torch.bfloat16]


def plain(x: Tensor, weight: Tensor, bias: Tensor, relu: bool) -> Tensor:
    y = F.batch_norm(x, None, None, weight, bias, True, 0.0, 1e-3)
    return y.relu() if relu else y


@pytest.mark.parametrize('dtype', KINDS)
@pytest.mark.parametrize('relu', [False, True])
@pytest.mark.parametrize('shape', [(2, 16, 3, 1), (2, 21, 5, 7), (3, 40, 20, 31), (4, 96, 17, 17)])
def test_outputs_and_gradients(shape: tuple, relu: bool, dtype: torch.dtype) -> None:
    channels = shape[1]
    far = 30 * torch.randn(1, channels, 1, 1)  # means that are large beside the deviations
    x = channels_last((2 * torch.randn(shape) + far).to(dtype))
    weight, bias = torch.rand(channels) + 0.5, torch.randn(channels)
    gradient = channels_last(torch.randn(shape).to(dtype))
    results = []
    for kind in ('ours', 'theirs', 'exact'):
        cast = torch.Tensor.double if kind == 'exact' else lambda t: t
        inputs = [cast(t).detach().clone().requires_grad_() for t in (x, weight, bias)]
        ours = kind == 'ours'
        y = BatchNorm.apply(*inputs, 1e-3, relu)[0] if ours else plain(*inputs, relu)
        results.append((y.detach(), *torch.autograd.grad(y, inputs, cast(gradient))))
    step = 2.0**-23 if dtype == torch.float32 else 2.0**-8
    for ours, theirs, exact in zip(*results, strict=True):
        size = exact.abs().max()
        ours_off, theirs_off = ((t - exact).abs().max() for t in (ours, theirs))
        assert ours_off < 2 * theirs_off + 64 * step * size
    y, mean, variance = BatchNorm.apply(x, weight, bias, 1e-3, relu)
    assert y.is_contiguous(memory_format=torch.channels_last)
    var, middle = torch.var_mean(x.double(), (0, 2, 3), correction=0)
    assert torch.allclose(mean.double(), middle, rtol=1e-5)
    assert torch.allclose(variance.double(), var, rtol=1e-4)


@pytest.mark.parametrize('momentum', [0.1, 3e-4, None])
def test_running_statistics_move_as_pytorchs(momentum: float | None) -> None:
    ours, theirs = FusedBatchNorm2d(24, momentum=momentum), nn.BatchNorm2d(24, momentum=momentum)
    for step in range(3):
        x = channels_last(torch.randn(2, 24, 5, 6) * (step + 1) + step)
        assert torch.allclose(ours(x), theirs(x), atol=1e-5)
    for name, value in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], value, rtol=1e-5), name
    ours.eval(), theirs.eval()
    assert torch.equal(ours.requires_grad_(False)(x), nn.BatchNorm2d.forward(ours, x))


def test_a_single_value_has_no_variance() -> None:
    with pytest.raises(ValueError, match='more than 1 value per channel'):
        FusedBatchNorm2d(16)(torch.randn(1, 16, 1, 1))


def test_fused_modules_train_and_evaluate_as_before() -> None:
    norm = dict(type='BN')
    model = nn.Sequential(
        ConvModule(3, 16, 3, norm_cfg=norm),
        ConvModule(16, 32, 1, norm_cfg=norm, act_cfg=None),
        ConvModule(32, 16, 1, norm_cfg=norm, act_cfg=dict(type='ReLU6')),
        ConvModule(16, 16, 1),
        nn.BatchNorm2d(16),
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fused = copy.deepcopy(model)
    assert fuse_norms(fused) == 4
    assert [layer.norm_before_relu for layer in fused[:4]] == [True] + 3 * [False]
    assert fuse_norms(fused) == 0
    x = channels_last(torch.randn(2, 3, 12, 13))
    for a, b in zip(model.parameters(), fused.parameters(), strict=True):
        assert a is not b
    for network in (model, fused):
        network(x).square().mean().backward()
    for (name, a), b in zip(model.named_parameters(), fused.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-5), name
    assert fused.state_dict().keys() == model.state_dict().keys()
    fused.load_state_dict(model.state_dict())
    assert torch.equal(fused.eval()(x), model.eval()(x))


def test_a_trace_holds_what_pytorch_computes() -> None:
    norm = FusedBatchNorm2d(16).train()
    first, other = (channels_last(torch.randn(2, 16, 5, 6)) for _ in range(2))
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(norm, first), file)  # refuses functions in Python
    file.seek(0)
    traced = torch.jit.load(file)
    torch.testing.assert_close(traced(other), nn.BatchNorm2d(16).train()(other))
