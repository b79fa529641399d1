"""What a network costs: parameters and multiply-adds, counted on real modules without computing."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@contextmanager
def conv_calls(model: nn.Module) -> Iterator[list[tuple[str, nn.Conv2d, tuple[int, ...]]]]:
    """Record (module name, convolution, output shape) of every convolution that is executed."""
    calls: list[tuple[str, nn.Conv2d, tuple[int, ...]]] = []

    def record(name: str, module: nn.Conv2d) -> RemovableHandle:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            calls.append((name, module, tuple(output.shape)))

        return module.register_forward_hook(hook)

    handles = [record(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d)]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def parameters(model: nn.Module) -> int:
    """Trainable values: convolution weights, biases, and gamma and beta of the norm layers."""
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def multiply_adds(model: nn.Module, shape: tuple[int, ...]) -> Counter[str]:
    """Multiply-adds of the convolutions by top-level part, for one input of ``shape`` (N, C, H, W).

    The model must lie on the ``meta`` device (``model.to('meta')``) or on the CPU; on ``meta``
    nothing is computed and any size is counted in milliseconds. Biases, norms and resizing are not
    counted, as in the papers.
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    with conv_calls(model) as calls:
        model(torch.zeros(shape, device=device), mode='tensor')
    model.train(training)
    total: Counter[str] = Counter()
    for name, conv, (n, c, h, w) in calls:
        kernel = conv.kernel_size[0] * conv.kernel_size[1] * conv.in_channels // conv.groups
        total[name.partition('.')[0]] += n * c * h * w * kernel
    return total
