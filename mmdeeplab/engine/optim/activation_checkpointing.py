"""Activation checkpointing: compute the maps of some parts again instead of keeping them."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.models.norms.norm_layers import norm_layers, replace


class CheckpointedForward(nn.Module):
    """Mix-in that :func:`checkpointed` combines with a module's class."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(*args, **kwargs)

        def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
            return nullcontext(), statistics_kept(self)

        forward = super().forward
        return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)


@cache
def checkpointed(module_class: type[nn.Module]) -> type[nn.Module]:
    """A subclass of ``module_class`` that recomputes its inner maps in the backward pass."""
    bases = (CheckpointedForward, module_class)
    return type(f'Checkpointed{module_class.__name__}', bases, {})


def checkpointed_twin(module: nn.Module) -> nn.Module:
    """A :func:`checkpointed` module that shares children, parameters and settings of ``module``."""
    twin_class = checkpointed(type(module))  # type: ignore[arg-type]
    twin = twin_class.__new__(twin_class)
    twin.__setstate__(copy.copy(module.__dict__))
    return twin


def checkpoint_activations(model: nn.Module, names: Sequence[str]) -> None:
    """Recompute the maps of the named parts in the backward pass, instead of keeping them.

    Training is the same with and without it. With MMEngine's ``activation_checkpointing`` it is
    not: the second pass updates the running statistics of BatchNorm once more.

    Raises:
        UserError: The model has no part of a name.
    """
    parts = [name for name, _ in model.named_modules() if name]
    for name in names:
        if name not in parts:
            hint = did_you_mean(name, parts)
            raise UserError(f'recompute: the model has no part {name!r}{hint}')
    replace(model, dict.fromkeys(names), checkpointed_twin)


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Let BatchNorm normalise by the batch, but not update its running statistics, in the block."""
    norms = [norm for norm in norm_layers(module).values() if norm.training]
    saved = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    counters: dict[torch.device, Tensor] = {}  # SyncBN needs a counter; these are not read
    for norm, (_, count) in zip(norms, saved, strict=True):
        norm.momentum = 0.0
        if count is not None:
            if count.device not in counters:
                counters[count.device] = torch.zeros_like(count)
            norm.num_batches_tracked = counters[count.device]
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, saved, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
