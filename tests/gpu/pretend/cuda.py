"""What ``torch.cuda`` says of the pretended GPUs."""

from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
import torch.cuda.amp.common
import torch.cuda.random
from torch.utils import _foreach_utils

from pretend import counts
from pretend.devices import ordinal_of
from pretend.tensor import GpuTensor, State


def set_device(device: Any) -> None:
    ordinal = ordinal_of(device)
    if ordinal is not None:
        State.current = ordinal


def seed(number: int) -> None:
    State.generator.manual_seed(number)


def get_state(device: Any = None) -> torch.Tensor:
    return State.generator.get_state()


def set_state(state: torch.Tensor, device: Any = None) -> None:
    State.generator.set_state(state)


def patch_cuda(count: int) -> None:
    """Let ``torch.cuda`` and ``torch.accelerator`` have ``count`` GPUs."""
    random = dict(
        manual_seed=seed,
        manual_seed_all=seed,
        get_rng_state=get_state,
        set_rng_state=set_state,
        get_rng_state_all=lambda: [get_state()] * count,
        set_rng_state_all=lambda states: set_state(states[State.current]),
    )
    answers = dict(
        is_available=lambda: True,
        is_initialized=lambda: True,
        init=lambda: None,
        _lazy_init=lambda: None,
        _is_in_bad_fork=lambda: False,
        device_count=lambda: count,
        current_device=lambda: State.current,
        set_device=set_device,
        device=lambda device: nullcontext(),
        synchronize=lambda device=None: counts.wait('synchronize'),
        is_current_stream_capturing=lambda: False,
        empty_cache=lambda: None,
        memory_allocated=lambda device=None: 0,
        max_memory_allocated=lambda device=None: 0,
        reset_peak_memory_stats=lambda device=None: None,
        get_device_name=lambda device=None: 'pretended GPU',
        get_device_capability=lambda device=None: (9, 0),
        is_bf16_supported=lambda *args, **kwargs: True,
    )
    for module, names in ((torch.cuda, {**answers, **random}), (torch.cuda.random, random)):
        for name, answer in names.items():
            setattr(module, name, answer)
    accelerator: Any = torch.accelerator
    accelerator.is_available = lambda: True
    accelerator.current_accelerator = lambda *args, **kwargs: torch.device('cuda')
    accelerator.current_device_index = lambda: State.current
    accelerator.set_device_index = set_device
    accelerator.current_stream = lambda device=None: SimpleNamespace(is_capturing=lambda: False)
    torch.cuda.amp.common.amp_definitely_not_available = lambda: False
    for kinds in (
        _foreach_utils,
        import_module('torch.optim.optimizer'),
    ):  # classes with multi-tensor kernels
        listed = getattr(kinds, '_foreach_supported_types', None)
        if listed is not None and GpuTensor not in listed:
            listed.append(GpuTensor)
