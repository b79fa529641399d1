"""Run a module on the device ``meta``, where tensors have shapes and no numbers."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mmdeeplab.models.modes import kept_modes


def meta_weights(module: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers of a module as tensors on ``meta``, by name."""
    return {
        name: torch.empty_like(value, device='meta').requires_grad_(value.requires_grad)
        for name, value in (*module.named_parameters(), *module.named_buffers())
    }


def run_on_meta(
    module: nn.Module,
    inputs: Any,
    weights: dict[str, Tensor] | None = None,
    training: bool = False,
) -> Any:
    """Run a module on ``meta``: any size takes milliseconds to seconds, and nothing is computed.

    The module's own tensors and modes are left as they are.

    Args:
        module: A module on any device.
        inputs: Its one argument, on ``meta``: for a segmentor, images (N, C, H, W).
        weights: The module's :func:`meta_weights`, made here by default.
        training: Run in training mode, with gradients.

    Returns:
        What the module returns, with tensors on ``meta``: for a segmentor, its logits.
    """
    held = meta_weights(module) if weights is None else weights
    with kept_modes(module), torch.set_grad_enabled(training):
        module.train(training)
        return functional_call(module, held, (inputs,))
