"""Find NaN and Inf in tensors, and name what they belong to."""

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmdeeplab.errors import UserError

FEW = 16  # numbers on a CPU that are added up faster one by one


def tensors_of(node: object, path: str = '') -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors in nested data, each with its dotted key."""
    if isinstance(node, Tensor):
        yield path, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from tensors_of(value, f'{path}.{key}'.lstrip('.'))
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from tensors_of(value, f'{path}.{i}')


def all_finite(tensors: list[Tensor]) -> bool:
    """Whether no value is NaN or Inf; computed from norms, with a single wait for the device.

    Args:
        tensors: At least one, detached, all on the same device.
    """
    if len(tensors) <= FEW and tensors[0].device.type == 'cpu':
        total = sum([norm.item() for norm in torch._foreach_norm(tensors)])
    else:
        total = norm_sum(tensors).item()
    if isfinite(total):
        return True
    return all(bool(tensor.isfinite().all()) for tensor in tensors)  # norms may have overflowed


def norm_sum(tensors: list[Tensor]) -> Tensor:
    """The sum of the norms of tensors, on their device; not finite if a value is not, or too large.

    Args:
        tensors: At least one, detached, all on the same device.
    """
    raw_norms = torch._foreach_norm(tensors)
    norms = [norm if norm.dtype == torch.float32 else norm.float() for norm in raw_norms]
    return torch.stack(norms).sum()


def finite_on_device(tensors: list[Tensor]) -> Tensor:
    """As :func:`all_finite`, but the result is a tensor (1,) on the device, without waiting."""
    largest = [norm.float() for norm in torch._foreach_norm(tensors, inf)]
    return torch.stack(largest).isfinite().all()[None]


@torch.no_grad()
def broken(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that have NaN or Inf."""
    floats = {key: t.detach() for key, t in tensors.items() if t.is_floating_point() and t.numel()}
    devices = {t.device for t in floats.values()}
    if all(all_finite([t for t in floats.values() if t.device == device]) for device in devices):
        return []
    return [key for key, t in floats.items() if not bool(t.isfinite().all())]


def image_ids(batch: Any, only_bad: bool = False) -> list[str]:
    """Ids of the images of a batch; with ``only_bad`` of those whose input is not finite."""
    if not isinstance(batch, Mapping):
        return []
    inputs, samples = batch.get('inputs', []), batch.get('data_samples') or []
    names = [Path(getattr(s, 'img_path', '')).stem or f'image {i}' for i, s in enumerate(samples)]
    names += [f'image {i}' for i in range(len(names), len(inputs))]
    bad = [x.is_floating_point() and not bool(x.isfinite().all()) for x in inputs]
    return [name for name, b in zip(names, bad, strict=False) if b] if only_bad else names


def require_finite_predictions(samples: Any) -> None:
    """Refuse predictions whose largest logit is NaN or Inf at some pixel.

    Only the largest is tested, since logarithms of probabilities may be -Inf for some classes.

    Raises:
        UserError: It names the image.
    """
    for sample in samples if isinstance(samples, (list, tuple)) else ():
        logits = getattr(sample, 'seg_logits', None)
        if logits is not None:
            require_finite_logits(logits.data.amax(0), sample)


def require_finite_logits(logits: Tensor, sample: Any) -> None:
    """Refuse logits with NaN or Inf.

    Args:
        logits: The network's logits before resizing (which spreads NaN), the largest at each pixel,
            or a sum of them.
        sample: The sample, whose ``img_path`` is named.

    Raises:
        UserError: It names the image.
    """
    if not all_finite([logits]):
        path = sample.get('img_path') if hasattr(sample, 'get') else None
        raise UserError(
            f'the logits of {path or "an image"} are not finite: the weights, or this image, '
            'are unusable'
        )
