"""Layout and memory of a training step, by config: ``channels_last`` and ``recompute``."""

import torch
from mmengine.config import Config
from torch import nn

from mmdeeplab.engine.optim.activation_checkpointing import checkpoint_activations
from mmdeeplab.models.cpu_kernels.memory import keep_memory
from mmdeeplab.models.norms.fused import fuse_norms


def apply_memory_options(model: nn.Module, cfg: Config) -> list[str]:
    """Carry out what the config asks for, before the model is wrapped; say it in sentences.

    ``channels_last=True`` stores weights, and with them every map, as (N, H, W, C), and lets norm
    and ReLU be one operation.
    ``recompute=['backbone.entry_flow.0', ...]`` forgets what these parts computed and computes it
    again in the backward pass. The memory of a step is kept for the next, whatever is asked for.

    Raises:
        UserError: ``recompute`` names a part that the model does not have.
    """
    keep_memory(everything=True)
    done = []
    if cfg.get('channels_last'):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fuse_norms(model)
        done.append('memory: channels last')
    if names := list(cfg.get('recompute') or ()):
        checkpoint_activations(model, names)
        done.append(f'memory: computed twice, kept once: {", ".join(names)}')
    return done
