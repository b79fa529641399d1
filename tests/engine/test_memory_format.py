"""Channels last and recomputation change memory, not training."""

import copy
from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from torch import nn

from mmdeeplab.engine.optim.activation_checkpointing import checkpoint_activations
from mmdeeplab.engine.optim.memory_format import apply_memory_options
from mmdeeplab.errors import UserError
from mmdeeplab.models.norms.fused import FusedBatchNorm2d

NAME = 'deeplabv3_mobilenetv2_voc'
SMALL = dict(
    model__backbone__depth_multiplier=0.5,
    model__neck__in_channels=160,
    model__neck__channels=8,
    model__neck__dropout=0.0,
    model__decode_head__in_channels=8,
    model__decode_head__channels=8,
    model__data_preprocessor__size=(33, 33),
)


def train(model: nn.Module, **settings: object) -> tuple[list[float], dict]:
    """Losses of three steps, and the weights and statistics behind them."""
    from test_data_preprocessor import sample

    apply_memory_options(model, Config(settings))
    generator = torch.Generator().manual_seed(0)
    optimiser = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    losses = []
    for _ in range(3):
        data = dict(
            inputs=[
                torch.randint(0, 256, (3, 33, 33), dtype=torch.uint8, generator=generator)
                for _ in range(2)
            ],
            data_samples=[sample(33, 33) for _ in range(2)],
        )
        losses.append(model.train_step(data, optimiser)['loss'].item())
    return losses, model.state_dict()


@pytest.mark.parametrize(
    'settings', [dict(channels_last=True), dict(recompute=['backbone', 'neck'])]
)
def test_trains_the_same(build: Callable[..., nn.Module], settings: dict) -> None:
    outcomes = []
    for chosen in ({}, settings):
        torch.manual_seed(0)
        model = build(NAME, **SMALL)
        outcomes.append(train(model.double().train(), **chosen))
    (plain, state), (other, other_state) = outcomes
    assert other == pytest.approx(plain, rel=1e-5)
    for name, tensor in state.items():
        torch.testing.assert_close(other_state[name], tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('counts', [True, False])
@pytest.mark.parametrize(
    'kind', [nn.BatchNorm2d, nn.SyncBatchNorm, FusedBatchNorm2d, nn.LazyBatchNorm2d]
)
@pytest.mark.parametrize('momentum', [0.1, None])
def test_a_second_pass_moves_no_statistics_of_any_norm(
    kind: type, counts: bool, momentum: float | None
) -> None:
    """SyncBN refuses to run without its counter, also where no other process is."""
    x = torch.randn(4, 3, 5, 5)
    states = []
    for names in ([], ['0']):
        torch.manual_seed(0)
        channels = () if kind is nn.LazyBatchNorm2d else (3,)
        norm = kind(*channels, momentum=momentum, track_running_stats=counts)
        model = nn.Sequential(nn.Sequential(norm, nn.Conv2d(3, 2, 1)))
        model(x[:1])
        checkpoint_activations(model, names)
        for _ in range(2):
            model(x).square().sum().backward()
        grads = [p.grad for p in model.parameters()]
        states.append([*model.state_dict().values(), *grads])
        assert norm.momentum == momentum
    for plain, twice in zip(*states, strict=True):
        assert torch.equal(plain, twice)


def test_recomputation_keeps_less(build: Callable[..., nn.Module]) -> None:
    kept = []
    for names in ([], ['backbone']):
        model = build(NAME, **SMALL).train()
        apply_memory_options(model, Config(dict(recompute=names)))
        sizes: list[int] = []
        pack = torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t
        )
        with pack:
            model.backbone(torch.randn(2, 3, 65, 65))
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 5


def test_a_part_that_is_not_there_is_named(build: Callable[..., nn.Module]) -> None:
    with pytest.raises(UserError, match=r"recompute: the model has no part 'bakbone'.*backbone"):
        apply_memory_options(build(NAME, **SMALL), Config(dict(recompute=['bakbone'])))


def test_a_copy_computes_with_its_own_weights() -> None:
    """As hooks of averaged weights copy a network that is recomputed."""
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()))
    keys, part = list(model.state_dict()), type(model[0])
    checkpoint_activations(model, ['0', '0'])
    assert list(model.state_dict()) == keys
    assert isinstance(model[0], part)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin[0][0].weight.zero_()
        twin[0][0].bias.zero_()
    x = torch.randn(1, 3, 4, 4)
    assert not twin(x).any()
    twin(x).sum().backward()
    assert model[0][0].weight.grad is None
