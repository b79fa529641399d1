"""The config keys ``channels_last`` and ``recompute``: layout and memory of a training step."""

import torch
from mmengine.config import Config
from torch import nn

from mmdeeplab.engine.optim.activation_checkpointing import checkpoint_activations
from mmdeeplab.models.cpu_kernels.memory import keep_memory
from mmdeeplab.models.norms.fused import fuse_norms


def apply_memory_options(model: nn.Module, cfg: Config) -> list[str]:
    """Apply the memory options of the config to a model, before it is wrapped.

    ``channels_last=True`` stores weights, and so every map, as (N, H, W, C), and computes norm and
    ReLU as one operation. ``recompute=['backbone.entry_flow.0', ...]`` does not keep the maps of
    these parts but computes them again in the backward pass. In any case, memory that a step frees
    is kept for the next one.

    Returns:
        Sentences for the log.

    Raises:
        UserError: ``recompute`` names a part that the model does not have.
    """
    keep_memory(everything=True)
    notices = []
    if cfg.get('channels_last'):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fuse_norms(model)
        notices.append('memory: channels last')
    if names := list(cfg.get('recompute') or ()):
        checkpoint_activations(model, names)
        notices.append(f'memory: computed twice, kept once: {", ".join(names)}')
    return notices
