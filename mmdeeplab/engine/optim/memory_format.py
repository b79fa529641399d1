"""Layout and memory of a training step, by config: ``channels_last`` and ``recompute``."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.models.cpu_kernels.memory import keep_memory
from mmdeeplab.models.norms.norm_layers import norm_layers


def economise(model: nn.Module, cfg: Config) -> list[str]:
    """Carry out what the config asks for, before the model is wrapped; say it in sentences.

    ``channels_last=True`` stores weights, and with them every map, as (N, H, W, C), and lets norm
    and ReLU be one operation.
    ``recompute=['backbone.entry_flow.0', ...]`` forgets what these parts computed and computes it
    again in the backward pass. The memory of a step is kept for the next, whatever is asked for.

    Raises:
        UserError: ``recompute`` names a part that the model does not have.
    """
    keep_memory(everything=True)
    said = []
    if cfg.get('channels_last'):
        from mmdeeplab.models.norms.fused import fuse_norms  # whose package needs this one

        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fuse_norms(model)
        said.append('memory: channels last')
    if names := list(cfg.get('recompute') or ()):
        recompute(model, names)
        said.append(f'memory: computed twice, kept once: {", ".join(names)}')
    return said


def recompute(model: nn.Module, names: Sequence[str]) -> None:
    """Let the named parts be computed again in the backward pass.

    MMEngine's ``activation_checkpointing`` does so, too, but lets the second pass move the batch
    norms' running statistics once more; here training is the same with and without.

    Raises:
        UserError: There is no part of a name.
    """
    parts = dict(model.named_modules())
    for name in names:
        if name not in parts:
            hint = did_you_mean(name, list(parts))
            raise UserError(f'recompute: the model has no part {name!r}{hint}')
    for name in names:
        _twice(parts[name])


def _twice(module: nn.Module) -> None:
    once = module.forward

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), statistics_kept(module)

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not (module.training and torch.is_grad_enabled()):
            return once(*args, **kwargs)
        return checkpoint(once, *args, use_reentrant=False, context_fn=contexts, **kwargs)

    module.forward = forward


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Normalise by the batch as before, without moving the running statistics again."""
    moving = [norm for norm in norm_layers(module).values() if norm.training]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in moving]
    spare: dict[torch.device, Tensor] = {}  # SyncBN insists on a counter: one that nobody reads
    for norm, (_, count) in zip(moving, before, strict=True):
        norm.momentum = 0.0
        if count is not None:
            if count.device not in spare:
                spare[count.device] = torch.zeros_like(count)
            norm.num_batches_tracked = spare[count.device]
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(moving, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
