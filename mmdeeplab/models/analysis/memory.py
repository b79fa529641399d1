"""Memory of activations, found by running a network on the device ``meta``.

Only tensors are counted, in float32; weights, their gradients, optimiser state and the workspaces
of convolution libraries are not.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmdeeplab.models.meta import meta_weights, run_on_meta


class Storages:
    """Memory of tensors, counted once for all views of it, as long as something refers to it."""

    def __init__(self) -> None:
        self.sizes: dict[StorageWeakRef, int] = {}

    def add(self, tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                self.sizes[StorageWeakRef(storage)] = storage.nbytes()

    def alive(self) -> int:
        """Bytes of the storages that still exist."""
        self.sizes = {ref: size for ref, size in self.sizes.items() if not ref.expired()}
        return sum(self.sizes.values())


class Peak(TorchDispatchMode):
    """Record the most bytes held at once by the image and the results of operators."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.storages = Storages()
        self.storages.add([image])
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.storages.add(tree_leaves(out))
        self.bytes = max(self.bytes, self.storages.alive())
        return out


def inference_memory(model: nn.Module, shape: Sequence[int]) -> int:
    """The most bytes that activations hold at once between image and logits, without gradients.

    Args:
        model: A segmentor, on any device.
        shape: (N, C, H, W) of the image, which is counted as well.
    """
    image, weights = torch.empty(tuple(shape), device='meta'), meta_weights(model)
    with Peak(image) as peak:
        run_on_meta(model, image, weights)
    return peak.bytes


def training_memory(model: nn.Module, shape: Sequence[int]) -> int:
    """Bytes of activations that a forward pass in training keeps for the backward pass.

    The pass ends with cross entropy on logits resized to the image; auxiliary heads are left out.

    Args:
        model: A segmentor, on any device.
        shape: (N, C, H, W) of the image.
    """
    image, weights = torch.empty(tuple(shape), device='meta'), meta_weights(model)
    saved = Storages()

    def pack(tensor: Tensor) -> Tensor:
        saved.add([tensor])
        return tensor

    with torch.enable_grad(), saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = run_on_meta(model, image, weights, training=True)
        logits = F.interpolate(logits, tuple(shape[2:]), mode='bilinear', align_corners=True)
        labels = torch.empty((shape[0], *shape[2:]), dtype=torch.long, device='meta')
        loss = F.cross_entropy(logits, labels)
    parameters = Storages()
    parameters.add(weights.values())
    total = sum(size for ref, size in saved.sizes.items() if ref not in parameters.sizes)
    del loss  # until here it kept what was saved alive
    return total
