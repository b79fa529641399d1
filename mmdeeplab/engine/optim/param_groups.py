"""Merge parameter groups: an optimiser needs a few kernel launches for each group on a GPU."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn
from torch.optim import Optimizer


class MergingOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, which makes one group per parameter; groups of equal settings merge.

    Groups are in the order of their first parameter, the parameters of a group in the order of the
    network.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs: Any
    ) -> None:
        super().add_params(params, module, prefix, **kwargs)
        if not prefix:  # the whole network is done
            params[:] = merged(params)


def merged(groups: Iterable[Mapping[str, Any]]) -> list[dict]:
    """Parameter groups, with those of equal settings merged."""
    by_settings: dict[str, dict] = {}
    for group in groups:
        settings = {key: value for key, value in group.items() if key != 'params'}
        key = repr(sorted(settings.items(), key=lambda item: item[0]))
        by_settings.setdefault(key, dict(settings, params=[]))['params'] += group['params']
    return list(by_settings.values())


def parameter_order(optimizer: Optimizer, model: nn.Module) -> list[int]:
    """For each parameter of an optimiser, its index among the network's trained parameters."""
    index = {id(p): i for i, p in enumerate(p for p in model.parameters() if p.requires_grad)}
    return [index.get(id(p), -1) for group in optimizer.param_groups for p in group['params']]


def regrouped(saved: dict, optimizer: Optimizer, model: nn.Module, order: list[int]) -> dict:
    """Convert an optimiser's state to another grouping of the same parameters.

    A group whose parameters had different settings gets those of its first parameter; one
    without parameters keeps its own.

    Args:
        saved: ``state_dict()`` of an optimiser of ``model``. If it has other parameters it is
            returned as it is.
        optimizer: The optimiser with the grouping that is wanted.
        model: The network, without wrappers.
        order: :func:`parameter_order` of the saved optimiser; empty if each parameter had its own
            group.
    """
    current = parameter_order(optimizer, model)
    numbers = [(number, group) for group in saved['param_groups'] for number in group['params']]
    order = order or list(range(len(numbers)))
    single = len(numbers) == len(saved['param_groups'])
    if (
        sorted(current) != sorted(order)
        or len(numbers) != len(current)
        or (order == current and not single)
    ):
        return saved
    saved_by_index = dict(zip(order, numbers, strict=True))
    state = {i: saved['state'][saved_by_index[index][0]] for i, index in enumerate(current)
             if saved_by_index[index][0] in saved['state']}  # fmt: skip
    groups, indices = [], iter(enumerate(current))
    for group in optimizer.param_groups:
        members = list(islice(indices, len(group['params'])))
        settings = saved_by_index[members[0][1]][1] if members else group
        groups.append({**settings, 'params': [number for number, _ in members]})
    return {**saved, 'param_groups': groups, 'state': state}
