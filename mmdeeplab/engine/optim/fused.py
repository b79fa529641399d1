"""Use PyTorch's fused optimisers (``fused=True``) on GPUs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer

FUSED = (SGD, Adam, AdamW)  # those with a fused step on GPUs
ANSWERS = ('fused', 'foreach', 'differentiable', 'capturable')


def fused_on_gpu(optimizer: Any) -> Any:
    """The config of an optimiser, with ``fused=True`` if there is a GPU and it does not choose.

    A fused step decides on the GPU whether it is skipped, so the host does not have to wait for the
    end of the backward pass.

    Args:
        optimizer: A config; anything else is returned as it is.
    """
    if not isinstance(optimizer, Mapping) or not torch.cuda.is_available():
        return optimizer
    optimizer_type = optimizer.get('type')
    has_fused_step = optimizer_type in FUSED or optimizer_type in [cls.__name__ for cls in FUSED]
    if not has_fused_step or any(key in optimizer for key in ANSWERS):
        return optimizer
    return {**optimizer, 'fused': True}


def is_fused(optimizer: Optimizer) -> bool:
    """Whether a step takes ``found_inf``, a GPU tensor that tells it to change nothing."""
    supported = getattr(optimizer, '_step_supports_amp_scaling', False)
    return supported and all(group.get('fused') for group in optimizer.param_groups)
