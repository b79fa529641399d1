"""Mixed precision on a CPU."""

import pytest
import torch
from torch import nn

from mmdeeplab.engine.optim import amp
from mmdeeplab.engine.optim.amp import AutocastOptimWrapper


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
