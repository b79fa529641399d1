"""A network that is looked at keeps the mode of each part, of frozen norms in training, too."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mmdeeplab.models.meta import run_on_meta
from mmdeeplab.models.modes import kept_modes
from mmdeeplab.models.norms.unfold_batch_norm import unfold_batch_norm


def network(training: bool, frozen: bool) -> nn.Sequential:
    """A network, of which one norm has the other mode if it is ``frozen``."""
    made = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.Dropout()))
    made.train(training)
    made[1][0].train(training != frozen)
    return made


def fails(model: nn.Module) -> None:
    def fail() -> None:
        with kept_modes(model):
            model.train(not model.training)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


IMAGE = torch.zeros(2, 3, 5, 5)
USES: dict[str, Callable[[nn.Module], object]] = {
    'on meta': lambda model: run_on_meta(model, IMAGE.to('meta')),
    'on meta, training': lambda model: run_on_meta(model, IMAGE.to('meta'), training=True),
    'norms unfolded': lambda model: unfold_batch_norm(model, {}, lambda: model(IMAGE)),
    'a failure': fails,
}


@pytest.mark.parametrize('frozen', [False, True])
@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('use', USES)
def test_modes_stay(use: str, training: bool, frozen: bool) -> None:
    model = network(training, frozen)
    before = {name: part.training for name, part in model.named_modules()}
    USES[use](model)
    assert {name: part.training for name, part in model.named_modules()} == before
    assert len(set(before.values())) == 1 + frozen
