"""Mixed precision on a CPU."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from mmdeeplab.engine.optim import amp
from mmdeeplab.engine.optim.amp import AutocastOptimWrapper
from mmdeeplab.engine.training_config import with_amp
from mmdeeplab.errors import UserError


@pytest.mark.parametrize('supported', [True, False])
def test_forward_is_bfloat16_where_the_processor_has_it_weights_stay_float32(
    supported: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(amp, 'has_bf16', lambda: supported)
    model = nn.Linear(8, 4)
    wrapper = AutocastOptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(torch.randn(2, 8))
    assert output.dtype == (torch.bfloat16 if supported else torch.float32)
    wrapper.update_params(output.float().square().mean())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)


@OPTIM_WRAPPERS.register_module()
class OwnOptimWrapper(OptimWrapper):
    pass


@pytest.mark.parametrize(
    ('before', 'after'),
    [
        (dict(clip_grad=dict(max_norm=1)), 'mmdeeplab.AutocastOptimWrapper'),
        (dict(type='OptimWrapper'), 'mmdeeplab.AutocastOptimWrapper'),
        (dict(type='AmpOptimWrapper', loss_scale=512.0), 'AmpOptimWrapper'),
        (dict(type='AutocastOptimWrapper', _scope_='mmdeeplab'), 'AutocastOptimWrapper'),
    ],
)
def test_the_option_leaves_mixed_precision_as_it_is(before: dict, after: str) -> None:
    wrapper = with_amp(Config(dict(optim_wrapper=before))).optim_wrapper
    assert wrapper == before | dict(type=after)


def test_the_option_replaces_no_class_of_the_users() -> None:
    with pytest.raises(UserError, match=r'--amp would replace .*=OwnOptimWrapper'):
        with_amp(Config(dict(optim_wrapper=dict(type='OwnOptimWrapper'))))
