"""Few groups of parameters: an optimiser updates each group in a few launches on a GPU."""

from collections.abc import Iterable, Mapping
from itertools import chain
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
    found: dict[str, dict] = {}
    for group in groups:
        settings = {key: value for key, value in group.items() if key != 'params'}
        key = repr(sorted(settings.items(), key=lambda item: item[0]))
        found.setdefault(key, dict(settings, params=[]))['params'] += group['params']
    return list(found.values())


def regrouped(saved: dict, optimizer: Optimizer, model: nn.Module) -> dict:
    """The state of an optimiser with one group a parameter, as one of merged groups has it.

    Args:
        saved: ``state_dict()`` of an optimiser over ``model``; one with other groups comes back as
            it is.
        optimizer: Over ``model``, with merged groups.
        model: Without wrappers.
    """
    old, new = saved['param_groups'], optimizer.param_groups
    place = {id(p): i for i, p in enumerate(p for p in model.parameters() if p.requires_grad)}
    members = [[place.get(id(p), -1) for p in group['params']] for group in new]
    single = len(old) == len(place) and all(len(group['params']) == 1 for group in old)
    if not single or len(old) == len(new) or sorted(chain(*members)) != [*range(len(old))]:
        return saved
    groups, state, count = [], {}, 0
    for own in members:
        parts = merged({**old[i], 'params': [i]} for i in own)
        if len(parts) != 1:  # settings of then that no group of now has
            return saved
        numbers = range(count, count := count + len(own))
        groups.append({**parts[0], 'params': list(numbers)})
        for number, i in zip(numbers, own, strict=True):
            (before,) = old[i]['params']
            if before in saved['state']:
                state[number] = saved['state'][before]
    return {**saved, 'param_groups': groups, 'state': state}
