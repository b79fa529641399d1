"""A network starts from the file that its config names, or not at all."""

import random
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModule
from robustness import wrong_checkpoints as suite
from torch import nn

from mmdeeplab.checkpoint.pretrained import load_pretrained, pop_pretrained_cfg
from mmdeeplab.errors import UserError


class Part(BaseModule):
    def __init__(self, init_cfg: object = None) -> None:
        super().__init__(init_cfg)
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)


def network(init_cfg: object) -> nn.Module:
    return nn.ModuleDict(dict(backbone=Part(init_cfg), neck=Part()))


def save(path: Path, prefix: str = '', **more: torch.Tensor) -> dict:
    state = {f'{prefix}{key}': value for key, value in Part().state_dict().items()}
    torch.save({**state, **more}, path)
    return state


@pytest.mark.parametrize('prefix', ['', 'backbone.', 'backbone'])
def test_weights_arrive(tmp_path: Path, prefix: str) -> None:
    dotted = prefix and f'{prefix.rstrip(".")}.'
    state = save(tmp_path / 'a.pth', dotted, **{f'{dotted}fc.weight': torch.ones(2)})
    cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth'), prefix=prefix)
    model = network([dict(type='Constant', val=1, layer='Conv2d'), cfg])
    (spec,) = pop_pretrained_cfg(model)
    assert model['backbone'].init_cfg == [dict(type='Constant', val=1, layer='Conv2d')]
    assert not pop_pretrained_cfg(model)
    assert load_pretrained(spec) == f'backbone starts from 7 tensors of {tmp_path}/a.pth'
    own = model['backbone'].state_dict()
    assert all(torch.equal(own[key.removeprefix(dotted)], state[key]) for key in state)


def test_a_whole_network_gets_the_hint(tmp_path: Path) -> None:
    save(tmp_path / 'a.pth', 'backbone.')
    cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth'))
    (spec,) = pop_pretrained_cfg(network(cfg))
    with pytest.raises(UserError, match=r"Add prefix='backbone\.'.*"):
        load_pretrained(spec)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    save(tmp_path / 'a.pth', odd=torch.ones(1))
    (spec,) = pop_pretrained_cfg(
        network(dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth')))
    )
    with pytest.raises(UserError, match=r'init_cfg of backbone: .*a\.pth'):
        load_pretrained(spec)


@pytest.mark.slow
def test_wrong_checkpoints_are_refused_and_the_right_one_is_not(tmp_path: Path) -> None:
    random.seed(0)
    outcome = suite.run(3, tmp_path)
    assert outcome.survived == outcome.tried == 3, outcome.failures
    path = tmp_path / 'good' / 'iter_1.safetensors'
    status, text = suite.enter('init_cfg', path, tmp_path, tmp_path / 'data')
    assert status == 0, text
