"""GPUs that are pretended on a CPU build of PyTorch: CUDA's rules, real numbers, counted waits.

A tensor "on a GPU" is a subclass that shares the memory of a tensor of the CPU. What CUDA refuses
is refused (operators over two devices, ``numpy()``, ``data_ptr()``, NCCL with tensors of the CPU),
autocast casts by CUDA's lists, and the device has a random generator of its own. Each
launch of an operator, wait of the host and copy between host and device is counted by the line that
caused it.

Not shown by it: speed, the order of sums, streams, memory, and code in C++ that asks where a tensor
lies (it sees the CPU). An operator counts as one launch, a multi-tensor one as its chunks.

:func:`install` comes before anything that looks for a GPU on import, as mmengine does; it cannot be
undone, so it belongs into a process of its own.
"""

import sys

from pretend.collectives import as_nccl
from pretend.counts import Counts, counting
from pretend.cuda import patch_cuda
from pretend.devices import patch_devices
from pretend.precision import patch_autocast
from pretend.tensor import Refused

__all__ = ['Counts', 'Refused', 'as_nccl', 'counting', 'install']


def install(count: int = 2) -> None:
    """Let torch have ``count`` GPUs in this process.

    Raises:
        RuntimeError: mmengine was imported before.
    """
    if 'mmengine' in sys.modules:
        raise RuntimeError('mmengine has looked for a GPU already')
    patch_devices()
    patch_cuda(count)
    patch_autocast()
