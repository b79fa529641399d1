"""Mixed precision that works on a CPU, too."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmdeeplab.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the forward pass under ``torch.autocast`` in bfloat16, on a CPU or a GPU.

    bfloat16 has float32's range, so gradients need no scaling. Weights, gradients and optimiser
    stay in float32. (MMEngine's ``AmpOptimWrapper``, for float16, refuses CPUs.)
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
