"""The operators behind SyncBatchNorm, which a CPU build lacks, by their definition."""

from typing import Any

import torch
from torch import Tensor


def by_channel(x: Tensor) -> Tensor:
    """(N, C, ...) -> (C, all others) float32."""
    return x.transpose(0, 1).flatten(1).float()


def along(values: Tensor | None, x: Tensor) -> Tensor:
    """(C,) so that it meets (N, C, ...)."""
    assert values is not None
    return values.float().view(1, -1, *(1,) * (x.dim() - 2))


def stats(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    rows = by_channel(x)
    return rows.mean(1), torch.rsqrt(rows.var(1, unbiased=False) + eps)


def gather_stats(
    x: Tensor, mean: Tensor, invstd: Tensor, running_mean: Any, running_var: Any, momentum: float,
    eps: float, counts: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    share = counts.flatten()[:, None].to(mean)
    total = share.sum()
    joint = (share * mean).sum(0) / total
    second = (share * (invstd**-2 - eps + mean**2)).sum(0) / total
    var = (second - joint**2).clamp_min(0)
    if running_mean is not None:
        running_mean.lerp_(joint.to(running_mean), momentum)
        running_var.lerp_((var * total / (total - 1)).to(running_var), momentum)
    return joint, torch.rsqrt(var + eps)


def elemt(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, invstd: Tensor, eps: float
) -> Tensor:
    y = (x.float() - along(mean, x)) * along(invstd, x)
    if weight is not None:
        y = y * along(weight, x) + along(bias, x)
    return y.to(x.dtype)


def backward_reduce(
    grad: Tensor, x: Tensor, mean: Tensor, invstd: Tensor, weight: Tensor | None, *wanted: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rows = by_channel(grad)
    sums = rows.sum(1)
    products = (rows * (by_channel(x) - mean[:, None])).sum(1)
    kind = grad.dtype if weight is None else weight.dtype
    return sums, products, (products * invstd).to(kind), sums.to(kind, copy=True)


def backward_elemt(
    grad: Tensor, x: Tensor, mean: Tensor, invstd: Tensor, weight: Tensor | None, sums: Tensor,
    products: Tensor, counts: Tensor,
) -> Tensor:  # fmt: skip
    total = counts.sum().float()
    slope = invstd if weight is None else invstd * weight
    centred = x.float() - along(mean, x)
    pulled = along(invstd**2 * products / total, x) * centred + along(sums / total, x)
    return ((grad.float() - pulled) * along(slope, x)).to(x.dtype)


CUDA_ONLY: dict[str, Any] = dict(
    batch_norm_stats=stats,
    batch_norm_gather_stats_with_counts=gather_stats,
    batch_norm_elemt=elemt,
    batch_norm_backward_reduce=backward_reduce,
    batch_norm_backward_elemt=backward_elemt,
)
