"""What the machine can do at most, measured in the run that is judged by it."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.case import Scale, Work
from benchmarks.measure import interleave
from mmdeeplab.processor import has_bf16, has_vnni

GIGA = 1e9


def limits(scale: Scale, rounds: int = 5) -> dict[str, float]:
    """The machine's limits: the best rate of each task in several rounds.

    Returns:
        GFLOP/s (two a multiply-add) of a large ``matmul fp32``, ``matmul bf16``, ``matmul int8``
        and of 3x3 convolutions of 256 channels, ``conv fp32`` and ``conv bf16``; GB/s of a large
        ``copy``, bytes read and written. A type that the processor lacks is left out: imitated, a
        product takes minutes.
    """
    tasks = tasks_of(scale)
    seconds = interleave({name: Work(call) for name, (call, _) in tasks.items()}, rounds)
    return {name: work / GIGA / min(seconds[name]) for name, (_, work) in tasks.items()}


def highest(rates: dict[str, float], dtype: str) -> float:
    """The most GFLOP/s seen of ``fp32``, ``bf16`` or ``int8``; 0 where none was measured."""
    return max((value for name, value in rates.items() if name.split()[-1] == dtype), default=0.0)


def merge(*several: dict[str, float]) -> dict[str, float]:
    """The best of several measurements: a limit is not reached while others use the machine."""
    return {name: max(rates[name] for rates in several) for name in several[0]}


def tasks_of(scale: Scale) -> dict[str, tuple[Callable[[], object], float]]:
    """Name -> what to run, and its operations or bytes."""
    side, pixels = scale.of(2048, 128), scale.of(129, 17)
    bulk = scale.of(2**25, 2**16)
    a, b = torch.randn(2, side, side)
    x, kernel = torch.randn(1, 256, pixels, pixels), torch.randn(256, 256, 3, 3)
    wide = x.contiguous(memory_format=torch.channels_last)
    source, target = torch.zeros(bulk), torch.zeros(bulk)
    product = 2.0 * side**3
    convolution = 2.0 * 9 * 256 * 256 * pixels**2
    tasks: dict[str, tuple[Callable[[], object], float]] = {
        'matmul fp32': (lambda: a @ b, product),
        'conv fp32': (lambda: _conv(wide, kernel), convolution),
        'copy': (lambda: target.copy_(source), 8.0 * bulk),
    }
    if has_bf16():
        narrow = [t.bfloat16() for t in (a, b, wide, kernel)]
        tasks['matmul bf16'] = lambda: narrow[0] @ narrow[1], product
        tasks['conv bf16'] = lambda: _conv(narrow[2], narrow[3]), convolution
    if has_vnni():
        whole = torch.randint(-9, 9, (side, side), dtype=torch.int8)
        tasks['matmul int8'] = lambda: torch._int_mm(whole, whole), product
    return tasks


@torch.no_grad()
def _conv(x: Tensor, kernel: Tensor) -> Tensor:
    return F.conv2d(x, kernel, padding=1)
