"""Moving tensors to the pretended GPUs, and making them there."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.jit._builtins import _find_builtin, _register_builtin

from pretend import counts
from pretend.tensor import GpuTensor, State, device_random, is_pinned, note_copy

# Functions of torch's and methods of tensors that take a device.
FACTORIES = (
    *('empty', 'zeros', 'ones', 'full', 'arange', 'linspace', 'eye', 'tensor', 'as_tensor'),
    *('rand', 'randn', 'randint', 'randperm', 'scalar_tensor', 'empty_strided', 'empty_like'),
    *('zeros_like', 'ones_like', 'full_like', 'rand_like', 'randn_like', 'asarray'),
)
METHODS = ('new_empty', 'new_zeros', 'new_ones', 'new_full', 'new_tensor', 'new_empty_strided')
COPIED = ('tensor', 'as_tensor', 'new_tensor', 'asarray')  # what they are given lies on the host
REAL_TO, REAL_PIN = Tensor.to, Tensor.pin_memory
REAL_GROUPS = torch._C._group_tensors_by_device_and_dtype


def ordinal_of(device: Any) -> int | None:
    """The number of a GPU; None for another device, or for none."""
    if device is None or isinstance(device, bool):
        return None
    device = torch.device('cuda', device) if isinstance(device, int) else torch.device(device)
    if device.type != 'cuda':
        return None
    return State.current if device.index is None else device.index


class Upload(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, ordinal: int) -> Tensor:
        return GpuTensor(x.detach().clone(), ordinal)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad.host, None


class Download(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Tensor:
        ctx.ordinal = x.ordinal
        return x.host.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return GpuTensor(grad, ctx.ordinal)


def move(x: Tensor, ordinal: int | None, non_blocking: bool = False) -> Tensor:
    """To a GPU, or to the host (None)."""
    if isinstance(x, GpuTensor):
        if ordinal is None:
            note_copy(x, None, non_blocking)
            return Download.apply(x)
        return x if ordinal == x.ordinal else GpuTensor(x.host.clone(), ordinal)
    if ordinal is None:
        return x
    note_copy(x, None, non_blocking)
    return Upload.apply(x, ordinal)


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.to``."""
    if 'other' in kwargs:
        args = (kwargs.pop('other'), *args)
    if args and isinstance(args[0], Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    clone = kwargs.pop('copy', False)
    if len(args) > 3:  # (device, dtype, non_blocking, copy)
        *args, clone = args
    device, dtype, non_blocking, layout = torch._C._nn._parse_to(*args, **kwargs)
    wanted = dict(dtype=dtype, memory_format=layout)
    plain = {key: value for key, value in wanted.items() if value is not None}
    here = isinstance(self, GpuTensor)
    there = ordinal_of(device)
    if device is not None and device.type not in ('cpu', 'cuda'):
        return REAL_TO(self, device, copy=clone, **plain)
    if device is None or (here and self.ordinal == there) or (not here and there is None):
        return REAL_TO(self, copy=clone, **plain) if plain or clone else self
    if here and plain:  # converted before it is copied
        self, plain = REAL_TO(self, **plain), {}
    moved = move(self, there, non_blocking)
    return REAL_TO(moved, **plain) if plain else moved


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, **kwargs: Any) -> Tensor:
    """``Tensor.cuda``."""
    return move(self, ordinal_of('cuda' if device is None else device), non_blocking)


def cpu(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.cpu``."""
    return move(self, None)


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """``Tensor.pin_memory``."""
    if is_pinned(self):
        return self
    twin = self.clone()
    twin.untyped_storage().pretended_pinned = True  # type: ignore[attr-defined]
    return twin


def grouped(lists: Any, with_indices: bool = False) -> dict:
    """What optimisers ask C++ for, which sees the CPU: tensors by device and type."""
    found = {}
    for (device, dtype), group in REAL_GROUPS(lists, with_indices).items():
        first = group[0][0][0]
        found[first.device if isinstance(first, GpuTensor) else device, dtype] = group
    return found


def on_devices(real: Callable) -> Callable:
    """A function that makes tensors, so that it makes them on the pretended GPUs, too."""
    name = real.__name__

    @wraps(real)
    def make(*args: Any, **kwargs: Any) -> Any:
        like = next((x for x in args[:1] if isinstance(x, GpuTensor)), None)
        device = kwargs.get('device')
        there = ordinal_of(device)
        if device is None and like is not None and name != 'tensor':
            there = like.ordinal
        pinned = kwargs.pop('pin_memory', False)
        if there is None and like is None:
            out = real(*args, **kwargs)
            if pinned:
                out.untyped_storage().pretended_pinned = True
            return out
        if there is None and device is not None and torch.device(device).type == 'meta':
            return real(*args, **kwargs)
        kwargs.pop('device', None)
        if like is not None and name in ('tensor', 'as_tensor', 'asarray'):
            return to(like, device, kwargs.get('dtype') or like.dtype)
        if like is not None:
            args = (like.host, *args[1:])
        grad = kwargs.pop('requires_grad', False)
        with device_random():
            out = real(*args, **kwargs)
        if there is None:
            return out.requires_grad_(grad)
        if name in COPIED:
            note_copy(out, None, False)
        elif 'empty' not in name:
            counts.launch()
        return GpuTensor(out, there).requires_grad_(grad)

    return make


def patch_devices() -> None:
    """Put all that in the place of torch's."""
    for name in FACTORIES:
        own = on_devices(getattr(torch, name))
        if operator := _find_builtin(getattr(torch, name)):
            _register_builtin(own, operator)  # TorchScript knows torch's functions by identity
        setattr(torch, name, own)
    for name in METHODS:
        setattr(Tensor, name, on_devices(getattr(Tensor, name)))
    torch._C._group_tensors_by_device_and_dtype = grouped
    for method in (to, cuda, cpu, pin_memory):
        setattr(Tensor, method.__name__, method)
    Tensor.is_pinned = lambda self, device=None: is_pinned(self)  # type: ignore[method-assign]
    # what moves a module makes new parameters: the memory of one cannot be exchanged
    torch.__future__.set_overwrite_module_params_on_conversion(True)
