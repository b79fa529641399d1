"""Checkpoints of wrapped networks are known by their keys, in whatever loads."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModule, ExponentialMovingAverage
from robustness.tiny import Toy, tiny_runner
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mmdeeplab.checkpoint.key_prefixes import in_backbone, unwrapped
from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.checkpoint.pretrained import load_pretrained, pop_pretrained_cfg
from mmdeeplab.errors import UserError
from mmdeeplab.models.load import load_weights
from mmdeeplab.weights.readers.torch_file import read_tensors

PREFIXES = (
    *('module.', '_orig_mod.', 'model.', 'net.', 'network.', 'ema.', 'ema_model.'),
    *('module.module.', '_orig_mod.module.', 'module._orig_mod.', 'model._orig_mod.'),
    *('model.module.', 'ema_model.module.', 'segmentor.'),
)
HOLDERS: dict[str, Callable[[dict], dict]] = {
    'bare': lambda state: state,
    'state_dict': lambda state: dict(state_dict=state, epoch=3),
    'Lightning': lambda state: {
        'pytorch-lightning_version': '2.0',
        'state_dict': state,
        'optimizer_states': [{}],
    },
    'model': lambda state: dict(model=state, optimizer={}),
    'model_state_dict': lambda state: dict(model_state_dict=state, epoch=1),
    'nested': lambda state: dict(model=dict(state_dict=state)),
    'module': lambda state: dict(module=state, global_steps=1),
}


class Part(BaseModule):
    def __init__(self, init_cfg: object = None) -> None:
        super().__init__(init_cfg)
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)


def same(model: nn.Module, state: dict[str, Tensor]) -> bool:
    own = model.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[key], state[key]) for key in own)


@pytest.mark.parametrize('holder', HOLDERS)
@pytest.mark.parametrize('prefix', ['', *PREFIXES])
def test_every_prefix_and_holder(
    tmp_path: Path, prefix: str, holder: str, capsys: pytest.CaptureFixture
) -> None:
    """As prediction, export, the page and `convert_weights` read it."""
    path = tmp_path / 'a.pth'
    state = Toy().state_dict()
    torch.save(HOLDERS[holder]({prefix + key: value for key, value in state.items()}), path)
    model = Toy()
    load_weights(model, path)
    assert same(model, state)
    said = f'note: {path}: the keys carry the prefix {prefix}, taken away\n' if prefix else ''
    assert capsys.readouterr().err == said
    arrays = read_tensors(path)
    assert arrays.keys() == {key for key in state if 'num_batches' not in key}
    assert capsys.readouterr().err == said


@pytest.mark.parametrize('prefix', PREFIXES)
def test_what_starts_a_part(tmp_path: Path, prefix: str) -> None:
    path, state = tmp_path / 'a.pth', Part().state_dict()
    torch.save({f'{prefix}backbone.{key}': value for key, value in state.items()}, path)
    for own in ('backbone.', f'{prefix}backbone.'):  # the prefix may be in the config, too
        model = nn.ModuleDict(
            dict(backbone=Part(dict(type='Pretrained', checkpoint=str(path), prefix=own)))
        )
        load_pretrained(*pop_pretrained_cfg(model))
        assert same(model['backbone'], state)


@pytest.mark.parametrize('prefix', ['module.', 'model._orig_mod.'])
def test_what_the_runner_loads(tmp_path: Path, prefix: str) -> None:
    runner = tiny_runner(tmp_path / 'work', 1, custom_hooks=[])
    state = {key: value + 1 for key, value in runner.model.state_dict().items()}
    torch.save({prefix + key: value for key, value in state.items()}, tmp_path / 'a.pth')
    runner.load_checkpoint(str(tmp_path / 'a.pth'))
    assert same(runner.model, state)


@pytest.mark.parametrize('name', ['module', '_orig_mod'])
def test_parts_that_were_wrapped_one_by_one(name: str) -> None:
    state = nn.ModuleDict(dict(backbone=Part(), neck=Part())).state_dict()
    inner = {key.replace('.', f'.{name}.', 1): value for key, value in state.items()}
    said: list[str] = []
    assert unwrapped(inner, state, 'a.pth', said.append).keys() == state.keys()
    assert said == [f'a.pth: {len(state)} keys carry module or _orig_mod, taken away']


def test_buffers_of_an_average_are_left_out() -> None:
    state = Part().state_dict()
    both = {**state, **{f'ema_{key.replace(".", "_")}': value for key, value in state.items()}}
    said: list[str] = []
    assert unwrapped(both, state, 'a.pth', said.append).keys() == state.keys()
    assert len(said) == 1


def test_averages_that_count_their_updates(tmp_path: Path) -> None:
    """As PyTorch's and MMEngine's averaged models are saved."""
    for average in (AveragedModel(Toy()), ExponentialMovingAverage(Toy())):
        torch.save(dict(state_dict=average.state_dict()), tmp_path / 'a.pth')
        model = Toy()
        load_weights(model, tmp_path / 'a.pth')
        assert same(model, average.module.state_dict())
        assert read_tensors(tmp_path / 'a.pth').keys() < model.state_dict().keys()


def test_counters_of_norms_may_be_missing(tmp_path: Path) -> None:
    state = nn.Sequential(Part()).state_dict()
    kept = OrderedDict((k, v) for k, v in state.items() if not k.endswith('num_batches_tracked'))
    kept._metadata = state._metadata  # type: ignore[attr-defined]
    assert len(kept) < len(state)
    torch.save(kept, tmp_path / 'a.pth')
    model = nn.Sequential(Part())
    load_weights(model, tmp_path / 'a.pth')
    assert same(model, state)
    runner = tiny_runner(tmp_path / 'work', 1, custom_hooks=[])
    state = {key: value + 1 for key, value in runner.model.state_dict().items()}
    torch.save({k: v for k, v in state.items() if 'num_batches' not in k}, tmp_path / 'b.pth')
    runner.load_checkpoint(str(tmp_path / 'b.pth'))
    own = runner.model.state_dict()
    assert all(torch.equal(own[key], state[key]) for key in state if 'num_batches' not in key)


def test_nothing_is_taken_away_that_is_not_a_wrapper() -> None:
    """Neither names of the network's own, nor of parts, nor of another network."""
    state = Part().state_dict()
    for own in (state, [f'model.{key}' for key in state], [f'module.{key}' for key in state]):
        given = dict.fromkeys(own, torch.zeros(1))
        assert unwrapped(given, own, 'a.pth', pytest.fail) is given
    other = {f'backbone.{key}': value for key, value in state.items()}
    assert unwrapped(other, state, 'a.pth', pytest.fail) is other
    strange = {f'model.x.{key}': value for key, value in state.items()}
    assert unwrapped(strange, state, 'a.pth', pytest.fail) is strange


def test_a_backbone_alone(tmp_path: Path) -> None:
    network = nn.ModuleDict(dict(backbone=Part(), neck=Part()))
    torch.save(Part().state_dict(), tmp_path / 'a.pth')
    state = read_checkpoint(tmp_path / 'a.pth')['state_dict']
    said: list[str] = []
    found = in_backbone(state, network.state_dict(), 'a', said.append)
    assert all(key.startswith('backbone.') for key in found)
    assert said == ['a: the keys lack the prefix backbone., put before']
    with pytest.raises(UserError, match=r'a\.pth holds a backbone alone: load_from'):
        load_weights(network, tmp_path / 'a.pth')


@pytest.mark.parametrize(
    'address',
    [
        *('torchvision://resnet50', 'open-mmlab://resnet50_v1c', 'mmcls://mobilenet_v2'),
        *('https://download.example/a.pth', 'http://a/b.pth', 's3://bucket/a.pth'),
    ],
)
def test_addresses_are_refused_with_our_way(address: str) -> None:
    model = nn.ModuleDict(dict(backbone=Part(dict(type='Pretrained', checkpoint=address))))
    for load in (
        lambda: load_pretrained(*pop_pretrained_cfg(model)),
        lambda: read_checkpoint(address),
    ):
        with pytest.raises(UserError, match=r'weights\.py list.*convert_weights\.py') as error:
            load()
        assert address in str(error.value)
