"""Optimisers that update all weights in one pass, as PyTorch's own with ``fused=True`` do."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer

FUSED = (SGD, Adam, AdamW)  # those with a fused step on GPUs
ANSWERS = ('fused', 'foreach', 'differentiable', 'capturable')


def fused_on_gpu(optimizer: Any) -> Any:
    """The config of an optimiser, fused where there is a GPU and the config does not choose.

    A fused step reads whether it may be made from the GPU, so the host need not wait for the end of
    the backward pass.

    Args:
        optimizer: A config; anything else comes back as it is.
    """
    if not isinstance(optimizer, Mapping) or not torch.cuda.is_available():
        return optimizer
    kind = optimizer.get('type')
    known = kind in FUSED or kind in [one.__name__ for one in FUSED]
    if not known or any(key in optimizer for key in ANSWERS):
        return optimizer
    return {**optimizer, 'fused': True}


def is_fused(optimizer: Optimizer) -> bool:
    """Whether a step takes ``found_inf``, a tensor that tells it on the GPU to change nothing."""
    able = getattr(optimizer, '_step_supports_amp_scaling', False)
    return able and all(group.get('fused') for group in optimizer.param_groups)
