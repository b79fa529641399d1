"""Mixed precision on a CPU."""

import torch
from torch import nn

from mmdeeplab.engine.amp import AutocastOptimWrapper


def test_forward_is_bfloat16_weights_stay_float32() -> None:
    model = nn.Linear(8, 4)
    wrapper = AutocastOptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(torch.randn(2, 8))
    assert output.dtype == torch.bfloat16
    wrapper.update_params(output.float().square().mean())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)
