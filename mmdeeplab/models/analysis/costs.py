"""Parameters and multiply-adds, counted on real modules."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmdeeplab.models.meta import run_on_meta


class ConvCall(NamedTuple):
    """One convolution that was executed, with its tensors on ``meta``: they have only shapes."""

    name: str
    conv: nn.Conv2d
    input: Tensor
    output: Tensor


@contextmanager
def conv_calls(model: nn.Module) -> Iterator[list[ConvCall]]:
    """Record every convolution that is executed within the ``with`` block, in order."""
    calls: list[ConvCall] = []

    def record(name: str, module: nn.Conv2d) -> RemovableHandle:
        def hook(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            calls.append(ConvCall(name, module, inputs[0], output))

        return module.register_forward_hook(hook)

    handles = [record(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d)]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def parameters(model: nn.Module) -> int:
    """Number of trainable values: weights and biases, and gamma and beta of the norm layers."""
    return sum(p.numel() for p in model.parameters())


def multiply_adds(
    model: nn.Module, shape: Sequence[int], space_to_batch: bool = False
) -> Counter[str]:
    """Multiply-adds of the convolutions in each top-level part of a segmentor, for one input.

    Biases, norms and resizing are not counted, as in the papers.

    Args:
        model: A segmentor, on any device.
        shape: (N, C, H, W) of the input.
        space_to_batch: Count as TF does. For an atrous convolution that is not depthwise, TF splits
            the map into rate x rate coarser maps and so pads its sides to multiples of the rate;
            published figures of such networks include that padding.
    """
    with conv_calls(model) as calls:
        run_on_meta(model, torch.empty(tuple(shape), device='meta'))
    total: Counter[str] = Counter()
    for name, conv, _, output in calls:
        n, c, h, w = output.shape
        kernel = conv.kernel_size[0] * conv.kernel_size[1] * conv.in_channels // conv.groups
        if space_to_batch and conv.groups == 1:
            rate_h, rate_w = conv.dilation
            h, w = -(-h // rate_h) * rate_h, -(-w // rate_w) * rate_w
        total[name.partition('.')[0]] += n * c * h * w * kernel
    return total
