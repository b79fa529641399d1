"""Norms that were folded into convolutions get statistics, and the network stays what it was."""

import copy

import torch
from torch import nn

from mmdeeplab.models.norms.unfold_batch_norm import folded_norms, unfold_batch_norm


def folded(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    norm.running_var.fill_(1 - norm.eps)
    nn.init.normal_(norm.bias)
    return norm


def network() -> nn.Sequential:
    layers = [nn.Conv2d(3, 8, 3), folded(8), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)]
    return nn.Sequential(*layers).double().eval()


def test_only_norms_that_add_a_bias_are_found() -> None:
    assert list(folded_norms(network())) == ['1']


def test_the_function_stays_and_training_starts_from_it() -> None:
    torch.manual_seed(0)
    model = network()
    before = copy.deepcopy(model)
    images = [torch.randn(2, 3, 9, 9, dtype=torch.float64) * 3 + 1 for _ in range(3)]
    unfold_batch_norm(model, folded_norms(model), lambda: [model(x) for x in images])
    torch.testing.assert_close(model(images[0]), before(images[0]))
    seen = torch.cat([before[0](x) for x in images])
    norm = model[1]
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, seen.var((0, 2, 3), unbiased=False))
    # In training, a batch with these statistics is passed on unchanged: the point of it all.
    everything = torch.cat(images)
    model[1].train()
    torch.testing.assert_close(model[:2](everything), before[:2](everything))
    before[1].train()
    assert (before[:2](everything) - model[:2](everything)).abs().max() > 0.5
    assert not folded_norms(model)
