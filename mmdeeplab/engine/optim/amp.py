"""Mixed precision in bfloat16, on a GPU or a CPU."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn

from mmdeeplab.processor import has_bf16
from mmdeeplab.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the forward pass under ``torch.autocast`` in bfloat16, on a CPU or a GPU.

    bfloat16 has the range of float32, so gradients are not scaled. Weights, gradients and optimiser
    state stay in float32. A CPU without bfloat16 convolutions computes in float32, with a warning.
    MMEngine's ``AmpOptimWrapper``, which is for float16, refuses CPUs.

    Args:
        args, kwargs: :class:`mmengine.optim.OptimWrapper`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        weight = next(p for group in self.optimizer.param_groups for p in group['params'])
        self.enabled = weight.device.type != 'cpu' or has_bf16()
        if not self.enabled:
            notice = 'this processor has no bfloat16 convolutions (x86: AVX-512): float32 is used'
            print_log(notice, 'current', logging.WARNING)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with (
            super().optim_context(model),
            torch.autocast(device, torch.bfloat16, enabled=self.enabled),
        ):
            yield
