"""Where NaN and Inf are, and whose they are."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmdeeplab.errors import UserError

SHOWN = 8  # names that a sentence spells out
FEW = 16  # numbers on a CPU that are added up faster one by one


def tensors_of(node: object, path: str = '') -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested data, with its dotted key."""
    if isinstance(node, Tensor):
        yield path, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from tensors_of(value, f'{path}.{key}'.lstrip('.'))
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from tensors_of(value, f'{path}.{i}')


def all_finite(tensors: list[Tensor]) -> bool:
    """Whether no value is NaN or Inf: norms of all in one call, one wait for the device.

    Args:
        tensors: One at least, without a graph, all on one device.
    """
    if len(tensors) <= FEW and tensors[0].device.type == 'cpu':
        total = sum([norm.item() for norm in torch._foreach_norm(tensors)])
    else:
        total = size(tensors).item()
    return isfinite(total) or each_finite(tensors)


def size(tensors: list[Tensor]) -> Tensor:
    """The sum of all norms, on the device: not finite where a value is not, or where it overflows.

    Args:
        tensors: One at least, without a graph, all on one device.
    """
    found = torch._foreach_norm(tensors)
    norms = [norm if norm.dtype == torch.float32 else norm.float() for norm in found]
    return torch.stack(norms).sum()


def finite_there(tensors: list[Tensor]) -> Tensor:
    """As :func:`all_finite`, as a tensor (1,) on the device of the others: nobody waits for it."""
    largest = [norm.float() for norm in torch._foreach_norm(tensors, inf)]
    return torch.stack(largest).isfinite().all()[None]


def each_finite(tensors: list[Tensor]) -> bool:
    """As :func:`all_finite`, tensor by tensor, for values whose norms overflow."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


@torch.no_grad()
def broken(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that hold NaN or Inf."""
    floats = {key: t.detach() for key, t in tensors.items() if t.is_floating_point() and t.numel()}
    devices = {t.device for t in floats.values()}
    if all(all_finite([t for t in floats.values() if t.device == device]) for device in devices):
        return []
    return [key for key, t in floats.items() if not bool(t.isfinite().all())]


def ids(batch: Any, only_bad: bool = False) -> list[str]:
    """Ids of the images of a batch; or of those alone whose input is not finite."""
    if not isinstance(batch, Mapping):
        return []
    inputs, samples = batch.get('inputs', []), batch.get('data_samples') or []
    names = [Path(getattr(s, 'img_path', '')).stem or f'image {i}' for i, s in enumerate(samples)]
    names += [f'image {i}' for i in range(len(names), len(inputs))]
    bad = [x.is_floating_point() and not bool(x.isfinite().all()) for x in inputs]
    return [name for name, b in zip(names, bad, strict=False) if b] if only_bad else names


def listed(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ', '.join(names[:SHOWN]) + (f' and {len(names) - SHOWN} more' * (len(names) > SHOWN))


def require_finite_predictions(samples: Any) -> None:
    """Refuse predictions whose largest logit is NaN or infinite anywhere.

    (Logarithms of probabilities may be -Inf for some classes.)

    Raises:
        UserError: Naming the image.
    """
    for sample in samples if isinstance(samples, (list, tuple)) else ():
        logits = getattr(sample, 'seg_logits', None)
        if logits is not None:
            require_finite_logits(logits.data.amax(0), sample)


def require_finite_logits(logits: Tensor, sample: Any) -> None:
    """Refuse logits with NaN or Inf.

    Args:
        logits: As they leave the network (both spread when resized), the largest of each pixel, or
            what was summed up from them.
        sample: Whose; its ``img_path`` is named.

    Raises:
        UserError: Naming the image of the sample.
    """
    if not all_finite([logits]):
        known = sample.get('img_path') if hasattr(sample, 'get') else None
        raise UserError(
            f'the logits of {known or "an image"} are not finite: the weights, or this image, '
            'are unusable'
        )


def fetch(outputs: dict) -> None:
    """In place: what the step gives to the log comes from a GPU at once, not one by one."""
    there = {
        key: value.detach().reshape(())
        for key, value in outputs.items()
        if isinstance(value, Tensor) and value.is_cuda and value.numel() == 1
    }
    kinds = {value.dtype for value in there.values()}
    if len(kinds) == 1:
        outputs.update(zip(there, torch.stack(list(there.values())).cpu(), strict=True))
