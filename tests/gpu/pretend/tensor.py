"""A tensor that says that it lies on a GPU, and what its operators may do."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from pretend import counts
from pretend.sync_norm import CUDA_ONLY


class Refused(RuntimeError):
    """CUDA would refuse this."""


class State:
    """Of the pretended machine: the current GPU, and the generator that all of them share."""

    current = 0
    generator = torch.Generator().manual_seed(0)


class GpuTensor(Tensor):
    """``host`` is a tensor of the CPU with the same memory, ``ordinal`` the GPU's number."""

    host: Tensor
    ordinal: int
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, host: Tensor, ordinal: int | None = None) -> 'GpuTensor':
        host = host.detach()
        made = Tensor._make_subclass(cls, host, device_for_backend_keys=torch.device('cuda'))
        made.host = host
        made.ordinal = State.current if ordinal is None else ordinal
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})

    @property
    def device(self) -> torch.device:
        return torch.device('cuda', self.ordinal)

    @property
    def is_cuda(self) -> bool:
        return True

    @property
    def is_cpu(self) -> bool:
        return False

    def get_device(self) -> int:
        return self.ordinal

    def is_pinned(self, device: object = None) -> bool:
        return False

    def numpy(self, *args: object, **kwargs: object) -> Any:
        raise TypeError(f'a tensor on {self.device} cannot be converted to numpy; copy it first')

    def __array__(self, *args: object, **kwargs: object) -> Any:
        return self.numpy()

    def data_ptr(self) -> int:
        raise Refused(
            f'the address of a tensor on {self.device} is asked for: for code of the CPU?'
        )

    def tolist(self) -> Any:
        counts.wait('tolist')
        return self.host.tolist()

    def __deepcopy__(self, memo: dict) -> 'GpuTensor':
        if id(self) not in memo:
            twin = GpuTensor(self.host.clone(), self.ordinal).requires_grad_(self.requires_grad)
            if isinstance(self, torch.nn.Parameter):
                twin = torch.nn.Parameter(twin, self.requires_grad)
            memo[id(self)] = twin
        return memo[id(self)]

    def __reduce_ex__(self, protocol: object) -> Any:
        raise Refused('a tensor on a GPU is pickled')

    def __repr__(self, **kwargs: object) -> str:
        return f'{self.host!r} on {self.device}'


def run(func: Any, args: Any, kwargs: Any) -> Any:
    """An operator over tensors of which one at least is on a GPU."""
    leaves, spec = tree_flatten((args, kwargs))
    gpu = [x for x in leaves if isinstance(x, GpuTensor)]
    cpu = [x for x in leaves if isinstance(x, Tensor) and not isinstance(x, GpuTensor)]
    refuse(func, leaves, gpu, cpu)
    count(func, args, kwargs, leaves, cpu)
    bare = [x.host if isinstance(x, GpuTensor) else _device(x) for x in leaves]
    known = {id(b): x for b, x in zip(bare, leaves, strict=True) if isinstance(x, Tensor)}
    args, kwargs = tree_unflatten(bare, spec)
    random = torch.Tag.nondeterministic_seeded in func.tags and not kwargs.get('generator')
    with device_random() if random else nothing():
        result = CUDA_ONLY.get(plain_name(func), func)(*args, **kwargs)
    ordinal = gpu[0].ordinal if gpu else None

    def on_gpu(x: Tensor) -> Tensor:
        if id(x) in known:  # changed in place
            return known[id(x)]
        return x if x.is_meta else GpuTensor(x, ordinal)

    return tree_map_only(Tensor, on_gpu, result)


def _device(x: Any) -> Any:
    return torch.device('cpu') if isinstance(x, torch.device) and x.type == 'cuda' else x


def plain_name(func: Any) -> str:
    """``add_`` of ``aten::add_.Tensor``."""
    return func._schema.name.rpartition('::')[2]


@contextmanager
def nothing() -> Iterator[None]:
    yield


@contextmanager
def device_random() -> Iterator[None]:
    """Numbers are drawn from the device's generator."""
    cpu = torch.default_generator
    kept = cpu.get_state()
    cpu.set_state(State.generator.get_state())
    try:
        yield
    finally:
        State.generator.set_state(cpu.get_state())
        cpu.set_state(kept)


COPIES = {'copy_', '_foreach_copy_', 'mul'}  # mul: DDP fills its buckets, which C++ made on the CPU
INDEXED = {'index', 'index_put', 'index_put_', '_index_put_impl_'}


def refuse(func: Any, leaves: list, gpu: list, cpu: list) -> None:
    """What CUDA would not compute.

    Raises:
        Refused: Several devices, or an operator without a kernel for GPUs.
    """
    name = plain_name(func)
    if func.namespace not in ('aten', 'prim', 'prims', 'c10d') and not any(
        torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)
        for key in ('CUDA', 'CompositeImplicitAutograd', 'CompositeExplicitAutograd')
    ):
        raise Refused(f'{func.name()} has no kernel for CUDA')
    if len({x.ordinal for x in gpu}) > 1 and name not in COPIES:
        raise Refused(f'{func}: tensors on {sorted({str(x.device) for x in gpu})}')
    strict = name in ('cat', 'stack')  # elsewhere a single number may lie on the CPU
    foreign = [x for x in cpu if x.dim() or strict]
    if (
        not foreign
        or not gpu
        or (name in COPIES and (name != 'mul' or func._overloadname == 'out'))
    ):
        return
    if name in INDEXED and isinstance(leaves[0], GpuTensor):
        foreign = [x for x in foreign if x.is_floating_point()]
    if foreign:
        raise Refused(
            f'{func}: all tensors must be on one device, found {gpu[0].device} and the CPU '
            f'({tuple(foreign[0].shape)} {foreign[0].dtype})'
        )


WAITS = {
    *('_local_scalar_dense', 'nonzero', 'masked_select', 'bincount', '_unique', '_unique2'),
    *('unique_dim', 'unique_consecutive', 'equal', 'repeat_interleave', 'argwhere'),
}
SILENT = {
    'detach',
    'alias',
    'lift_fresh',
    '_unsafe_view',
    'is_pinned',
    'set_',
    'empty',
    'new_empty',
}
SILENT |= {'empty_like', 'empty_strided', 'new_empty_strided'}
CHUNK = {1: 110, 2: 64, 3: 48, 4: 36, 5: 30}  # tensors a launch of multi_tensor_apply takes


def count(func: Any, args: Any, kwargs: Any, leaves: list, cpu: list) -> None:
    """Note what the operator costs."""
    name = plain_name(func)
    if not counts.OPEN or func.is_view or name in SILENT:
        return
    if name in WAITS:
        counts.wait(name)
    if name in INDEXED:
        masks = any(isinstance(x, GpuTensor) and x.dtype == torch.bool for x in leaves[1:])
        filled = name != 'index' and len(args) > 2 and args[2].numel() == 1  # as masked_fill
        if masks and not filled:
            counts.wait('index by a mask')
        for x in cpu:
            if x.dim():
                note_copy(x, None, False)
    if name == 'copy_' and isinstance(args[0], GpuTensor) != isinstance(args[1], GpuTensor):
        note_copy(args[1], args[0], bool(kwargs.get('non_blocking') or args[2:3] == (True,)))
        return
    counts.launch(multi_tensor(args) if name.startswith(('_foreach_', '_fused_')) else 1)


def multi_tensor(args: Any) -> int:
    """Launches of an operator over lists: in chunks, or one a tensor where lists do not match."""
    lists = [x for x in args if isinstance(x, (list, tuple)) and x and isinstance(x[0], Tensor)]
    head = lists[0]
    fits = all(
        isinstance(x, GpuTensor)
        and x.dtype == first.dtype
        and (x.shape, x.stride()) == (y.shape, y.stride())
        for other in lists
        for first in other[:1]
        for x, y in zip(other, head, strict=True)
    )
    return ceil(len(head) / CHUNK.get(len(lists), 30)) if fits else len(head)


def note_copy(source: Tensor, target: Tensor | None, non_blocking: bool) -> None:
    """Note a copy to the device (``target`` None or a GPU's), or to the host."""
    if torch._C._current_graph_task_id() != -1:
        return  # DDP in the backward pass: its buckets would lie on the GPU
    if isinstance(source, GpuTensor):
        kind = 'to host'
    else:
        kind = 'pinned to device' if is_pinned(source) else 'pageable to device'
    counts.copy(kind)
    if kind == 'pageable to device' or not non_blocking:
        counts.wait(f'copy {kind}')


def is_pinned(x: Tensor) -> bool:
    """Whether the memory was asked for as pinned."""
    return getattr(x.untyped_storage(), 'pretended_pinned', False)
