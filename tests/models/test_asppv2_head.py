"""DeepLabv2's head against the sum of its convolutions, and its published initialisation."""

from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from places import ROOT
from torch import nn
from torch.nn import functional as F

from mmdeeplab.config.output_stride import with_output_stride
from mmdeeplab.models.decode_heads import ASPPV2Head


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope('mmseg')


@pytest.mark.parametrize('rates', [(6, 12, 18, 24), (2, 4, 8, 12), (12,)])
def test_sums_its_branches(rates: tuple) -> None:
    head = ASPPV2Head(16, rates, num_classes=5).eval()
    head.init_weights()
    x = torch.randn(2, 16, 13, 9)
    expected = torch.zeros(2, 5, 13, 9)
    for rate, branch in zip(rates, head.conv_seg.branches, strict=True):
        expected += F.conv2d(x, branch.weight, branch.bias, padding=rate, dilation=rate)
    with torch.no_grad():
        torch.testing.assert_close(head((torch.zeros(2, 16, 50, 40), x)), expected)


def test_initialisation() -> None:
    head = ASPPV2Head(256, num_classes=21)
    head.init_weights()
    weights = torch.cat([b.weight.detach().flatten() for b in head.conv_seg.branches])
    assert weights.std() == pytest.approx(0.01, rel=1e-2)
    assert all(not b.bias.any() for b in head.conv_seg.branches)


@pytest.mark.parametrize('rates', [(), (6, 0)])
def test_refuses_rates(rates: tuple) -> None:
    with pytest.raises(ValueError, match='each at least 1, got'):
        ASPPV2Head(16, rates, num_classes=5)


def config() -> Config:
    return Config.fromfile(ROOT / 'configs' / 'deeplabv2_r101_voc.py')


def test_rates_follow_the_output_stride() -> None:
    cfg = with_output_stride(config(), 16)
    assert cfg.model.decode_head.rates == (3, 6, 9, 12)


def test_learning_rates(build: Callable[..., nn.Module]) -> None:
    """Of deeplabv2_r101_voc: 2.5e-4 in the trunk, tenfold in the head, twentyfold in its biases."""
    model = build('deeplabv2_r101_voc')
    names = {id(p): name.split('.') for name, p in model.named_parameters()}
    found: dict[tuple[float, float], set[str]] = {}
    for group in build_optim_wrapper(model, config().optim_wrapper).optimizer.param_groups:
        for p in filter(lambda p: p.requires_grad, group['params']):
            part, *_, leaf = names[id(p)]
            rate = round(group['lr'], 9), group['weight_decay']
            found.setdefault(rate, set()).add(f'{part} {leaf}')
    assert found == {
        (2.5e-4, 5e-4): {'backbone weight'},
        (2.5e-3, 5e-4): {'decode_head weight'},
        (5e-3, 0.0): {'decode_head bias'},
    }
