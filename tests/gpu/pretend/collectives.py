"""Collectives of gloo that take what NCCL takes: tensors of the pretended GPUs."""

from functools import wraps
from typing import Any

import torch
import torch.distributed as td
from torch import Tensor
from torch.distributed import distributed_c10d as c10d
from torch.utils._pytree import tree_flatten, tree_unflatten

from pretend import counts
from pretend.tensor import GpuTensor, Refused, State

NAMES = dict(all_reduce=2, broadcast=2, all_gather=2, all_gather_into_tensor=2, reduce=3, gather=3)
GLOO: list = []  # groups that were made for the CPU


def is_nccl(group: Any) -> bool:
    return not any(group is one for one in GLOO)


def checked(name: str, place: int) -> Any:
    """A collective that refuses tensors of the wrong device; ``place`` is that of ``group``."""
    real = getattr(c10d, name)

    @wraps(real)
    def call(*args: Any, **kwargs: Any) -> Any:
        group = kwargs.get('group', args[place] if len(args) > place else None)
        leaves, spec = tree_flatten((args, kwargs))
        nccl = is_nccl(group)
        for x in leaves:
            if isinstance(x, Tensor) and isinstance(x, GpuTensor) != nccl:
                kind = 'NCCL takes no tensor of the CPU' if nccl else 'gloo gets one of a GPU'
                raise Refused(f'{name}: {kind}')
        if nccl:
            counts.launch()
        bare = [x.host if isinstance(x, GpuTensor) else x for x in leaves]
        args, kwargs = tree_unflatten(bare, spec)
        with torch._C.DisableTorchFunction():
            return real(*args, **kwargs)

    return call


def as_nccl() -> None:
    """Let a group asked for with ``backend='nccl'`` be gloo's, under NCCL's rules."""
    real_init, real_new, real_backend = c10d.init_process_group, c10d.new_group, c10d.get_backend
    real_objects = c10d._get_object_coll_device

    def init_process_group(backend: Any = None, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop('device_id', None)
        return real_init('gloo' if backend in (None, 'nccl') else backend, *args, **kwargs)

    def new_group(*args: Any, **kwargs: Any) -> Any:
        cpu = kwargs.get('backend') == 'gloo'
        group = real_new(*args, **{**kwargs, 'backend': 'gloo'})
        if cpu:
            GLOO.append(group)
        return group

    def get_backend(group: Any = None) -> Any:
        return 'nccl' if is_nccl(group) else real_backend(group)

    def device_of_objects(group: Any = None) -> Any:
        return f'cuda:{State.current}' if is_nccl(group) else real_objects(group)

    for module in (td, c10d):
        for name, place in NAMES.items():
            setattr(module, name, checked(name, place) if module is td else getattr(td, name))
        module.init_process_group, module.new_group = init_process_group, new_group
        module.get_backend, module.is_nccl_available = get_backend, lambda: True
    c10d._get_object_coll_device = device_of_objects
    torch.cuda.nccl.version = lambda: (2, 27, 0)  # type: ignore[assignment,attr-defined]
    copies_back()


def copies_back() -> None:
    """MMEngine asks whether two tensors are of one class, which differs here by the device."""
    from mmengine.dist import dist, utils

    real = utils.cast_data_device

    def cast_data_device(data: Any, device: Any, out: Any = None) -> Any:
        if not (isinstance(data, Tensor) and isinstance(out, Tensor)):
            return real(data, device, out)
        moved = data.to(device)
        with torch.no_grad():
            out.copy_(moved)
        return moved

    dist.cast_data_device = utils.cast_data_device = cast_data_device
