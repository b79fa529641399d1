"""Memory for batches on the CPU that is reused once the batch in it is no longer referenced."""

import sys
from threading import Lock

import numpy as np
import torch
from torch import Tensor

KEPT = 2  # arrays: training and validation batches differ in size


class BufferPool:
    """Allocates float32 tensors on the CPU in memory of earlier ones.

    For new memory the operating system clears every page first, which costs time in each batch.
    A tensor made from a NumPy array refers to it, and so do views of the tensor and what autograd
    keeps of it. An array whose only reference is the pool's own is free to be used again.
    """

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.lock = Lock()

    def empty(self, *shape: int) -> Tensor:
        """An uninitialised float32 tensor of a shape."""
        size = int(np.prod(shape))
        with self.lock:  # held until the tensor refers to its array
            for array, holders in zip(self.arrays, _holders(self.arrays), strict=True):
                if array.size == size and holders == FREE:
                    return torch.from_numpy(array).view(shape)
            array = np.empty(size, np.float32)
            self.arrays = [array, *self.arrays][:KEPT]
            return torch.from_numpy(array).view(shape)

    def __reduce__(self) -> tuple:
        return BufferPool, ()  # copies of a model start without arrays


def _holders(arrays: list[np.ndarray]) -> list[int]:
    """References to each array; those of the call itself are counted, as they are in FREE."""
    return [sys.getrefcount(array) for array in arrays]


(FREE,) = _holders([np.empty(1)])
