"""Memory of batches, taken again as soon as nobody holds the batch."""

import sys
from threading import Lock

import numpy as np
import torch
from torch import Tensor

KEPT = 2  # arrays; one a size of batch


class BufferPool:
    """Float32 tensors on the CPU without the kernel clearing new pages for each.

    A tensor made from an array holds it, and so does everything that shares the tensor's memory:
    views, and what is kept for the backward pass. An array that nothing else holds is free.
    """

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.lock = Lock()

    def empty(self, *shape: int) -> Tensor:
        """A float32 tensor of a shape whose values are not set."""
        size = int(np.prod(shape))
        with self.lock:  # until the tensor holds its array
            for array, holders in zip(self.arrays, _holders(self.arrays), strict=True):
                if array.size == size and holders == FREE:
                    return torch.from_numpy(array).view(shape)
            array = np.empty(size, np.float32)
            self.arrays = [array, *self.arrays][:KEPT]
            return torch.from_numpy(array).view(shape)

    def __reduce__(self) -> tuple:
        return BufferPool, ()  # copies of a model begin with none


def _holders(arrays: list[np.ndarray]) -> list[int]:
    return [sys.getrefcount(array) for array in arrays]


(FREE,) = _holders([np.empty(1)])
