"""Few groups of parameters: an optimiser updates each group in a few launches on a GPU."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn
from torch.optim import Optimizer


class MergingOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's, which makes a group of every parameter, with groups of equal settings merged.

    Groups stand in the order of their first parameter, and parameters in the order of the network.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs: Any
    ) -> None:
        super().add_params(params, module, prefix, **kwargs)
        if not prefix:  # the whole network is done
            params[:] = merged(params)


def merged(groups: Iterable[Mapping[str, Any]]) -> list[dict]:
    """Groups of parameters with those of equal settings joined."""
    by_settings: dict[str, dict] = {}
    for group in groups:
        settings = {key: value for key, value in group.items() if key != 'params'}
        key = repr(sorted(settings.items(), key=lambda item: item[0]))
        by_settings.setdefault(key, dict(settings, params=[]))['params'] += group['params']
    return list(by_settings.values())


def parameter_order(optimizer: Optimizer, model: nn.Module) -> list[int]:
    """Places in the network, among the trained parameters, of those that an optimiser numbers."""
    place = {id(p): i for i, p in enumerate(p for p in model.parameters() if p.requires_grad)}
    return [place.get(id(p), -1) for group in optimizer.param_groups for p in group['params']]


def regrouped(saved: dict, optimizer: Optimizer, model: nn.Module, order: list[int]) -> dict:
    """The state of an optimiser for one that groups the same parameters in another way.

    A group whose parameters had several settings gets those of the first.

    Args:
        saved: ``state_dict()`` of an optimiser over ``model``; one over other parameters comes back
            as it is.
        optimizer: Over ``model``.
        model: Without wrappers.
        order: :func:`parameter_order` then; empty where each parameter had a group of its own.
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
    before = dict(zip(order, numbers, strict=True))
    state = {i: saved['state'][before[place][0]] for i, place in enumerate(current)
             if before[place][0] in saved['state']}  # fmt: skip
    groups, places = [], iter(enumerate(current))
    for group in optimizer.param_groups:
        members = list(islice(places, len(group['params'])))
        settings = before[members[0][1]][1]
        groups.append({**settings, 'params': [number for number, _ in members]})
    return {**saved, 'param_groups': groups, 'state': state}
