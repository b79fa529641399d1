"""Groups of parameters with equal settings are one, and states of single groups fit."""

import copy

import pytest
import torch
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmdeeplab.engine.optim.amp import AutocastOptimWrapper
from mmdeeplab.engine.optim.param_groups import (
    MergingOptimWrapperConstructor,
    parameter_order,
    regrouped,
)

RULES = dict(norm_decay_mult=0.0, bias_decay_mult=0.0, bias_lr_mult=2.0, dwconv_decay_mult=0.0)
OPTIMISERS = [
    dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01),
    dict(type='SGD', lr=0.1, weight_decay=0.0),
    dict(type='AdamW', lr=0.01, weight_decay=0.1),
]


def network() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 2, 1)
    )
    net[2].bias.requires_grad_(False)
    return net


def built(kind: type, net: nn.Module, optimiser: dict, rules: dict) -> torch.optim.Optimizer:
    return kind(dict(optimizer=dict(optimiser)), rules)(net).optimizer


def train(net: nn.Module, optimiser: torch.optim.Optimizer, steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimiser.zero_grad()
        net(torch.randn(2, 3, 8, 8, generator=generator)).square().mean().backward()
        optimiser.step()


def equal(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize('rules', [RULES, dict(custom_keys={'0': dict(lr_mult=3)})], ids=str)
@pytest.mark.parametrize('optimiser', OPTIMISERS, ids=str)
def test_merged_groups_train_the_same_bits(optimiser: dict, rules: dict) -> None:
    before, after = network(), network()
    old = built(DefaultOptimWrapperConstructor, before, optimiser, rules)
    new = built(MergingOptimWrapperConstructor, after, optimiser, rules)
    assert len(new.param_groups) <= 4 < len(old.param_groups) == 7
    train(before, old, 3)
    train(after, new, 3)
    assert equal(before, after)


@pytest.mark.parametrize('rules', [RULES, dict(custom_keys={'0': dict(lr_mult=3)})], ids=str)
@pytest.mark.parametrize('optimiser', OPTIMISERS, ids=str)
def test_the_state_of_single_groups_fits(optimiser: dict, rules: dict) -> None:
    before = network()
    old = built(DefaultOptimWrapperConstructor, before, optimiser, rules)
    train(before, old, 2)
    after = network()
    after.load_state_dict(before.state_dict())
    new = built(MergingOptimWrapperConstructor, after, optimiser, rules)
    new.load_state_dict(regrouped(copy.deepcopy(old.state_dict()), new, after, []))
    train(before, old, 2)
    train(after, new, 2)
    assert equal(before, after)


def test_merged_groups_fit_other_groups() -> None:
    """Settings that changed make other groups of the same parameters."""
    before = network()
    old = built(MergingOptimWrapperConstructor, before, OPTIMISERS[0], RULES)
    train(before, old, 2)
    after = network()
    new = built(MergingOptimWrapperConstructor, after, OPTIMISERS[0], dict(norm_decay_mult=0.5))
    assert len(new.param_groups) != len(old.param_groups)
    order = parameter_order(old, before)
    found = regrouped(copy.deepcopy(old.state_dict()), new, after, order)
    assert [len(g['params']) for g in found['param_groups']] == [
        len(g['params']) for g in new.param_groups
    ]
    new.load_state_dict(found)
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        if one.requires_grad:
            momentum = old.state[one]['momentum_buffer']
            assert torch.equal(momentum, new.state[other]['momentum_buffer'])


def test_a_group_may_be_empty() -> None:
    net = network()
    trained = [p for p in net.parameters() if p.requires_grad]
    old = torch.optim.SGD(trained, 0.1)
    new = torch.optim.SGD([dict(params=[]), dict(params=trained[::-1])], 0.2)
    found = regrouped(old.state_dict(), new, net, parameter_order(old, net))
    assert [(len(g['params']), g['lr']) for g in found['param_groups']] == [
        (0, 0.2), (len(trained), 0.1)
    ]  # fmt: skip
    new.load_state_dict(found)
    AutocastOptimWrapper(optimizer=new)


def test_a_state_that_fits_or_is_of_other_parameters_stays() -> None:
    net = network()
    new = built(MergingOptimWrapperConstructor, net, OPTIMISERS[0], RULES)
    own = new.state_dict()
    assert regrouped(own, new, net, parameter_order(new, net)) is own
    other = nn.Linear(2, 2)
    state = torch.optim.SGD(other.parameters(), 0.1).state_dict()
    assert regrouped(state, new, net, []) is state
