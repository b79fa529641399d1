"""Merge parameter groups: an optimiser needs a few kernel launches for each group on a GPU."""

from collections.abc import Iterable, Mapping
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
    before = [saved_by_index[index] for index in current]  # saved number and group of each
    states = saved['state']
    state = {i: states[number] for i, (number, _) in enumerate(before) if number in states}
    groups, first = [], 0
    for group in optimizer.param_groups:
        end = first + len(group['params'])
        settings = before[first][1] if group['params'] else group
        groups.append({**settings, 'params': list(range(first, end))})
        first = end
    return {**saved, 'param_groups': groups, 'state': state}
