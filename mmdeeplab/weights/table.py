"""The strict engine that converts weights by a table.

A source is a mapping from names to arrays; a table has rules, and patterns of names that are
ignored. Every name must match exactly one rule or be ignored. Every tensor of the model, or of its
backbone if the source has no more, must be filled exactly once, with its shape. All violations are
reported in one error.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmdeeplab.checkpoint.mismatch import COUNTER, describe
from mmdeeplab.errors import UserError

Array = np.ndarray
Module = Callable[[re.Match[str]], str]


def at(template: str) -> Module:
    """A function that fills the path of a module from a match.

    In the template ``{a}`` stands for the named group ``a``, ``{a-3}`` for its number minus 3.
    """

    def fill(match: re.Match[str]) -> str:
        def value_of(field: re.Match[str]) -> str:
            value = match[field[1]] or '0'
            return str(int(value) + int(field[2])) if field[2] else value

        return re.sub(r'\{(\w+?)([+-]\d+)?\}', value_of, template)

    return fill


class Rule(NamedTuple):
    """A rule for names that match ``source`` as a whole; ``target`` gives the model's key."""

    source: re.Pattern[str]
    target: Callable[[re.Match[str]], str]
    transform: Callable[[Array], Array] = lambda array: array


class Fitting(NamedTuple):
    """The config, with ``KEY=VALUE`` settings, whose network some weights are of.

    Attributes:
        config: Name of the config in ``configs/``, without ``.py``.
        cfg_options: The settings; empty if the config needs none.
    """

    config: str
    cfg_options: tuple[str, ...] = ()


class Table(NamedTuple):
    """The rules of a source.

    ``ignored`` maps a description, in the plural, to a pattern that is searched in names; matching
    arrays are not used. ``part`` is what the source fills: the whole ``'model'``, or only its
    ``'backbone'``, as a classifier for ImageNet does.
    """

    name: str
    rules: Sequence[Rule]
    ignored: Mapping[str, re.Pattern[str]] = MappingProxyType({})
    part: str = 'model'

    def wants(self, key: str) -> bool:
        """Whether the source must fill the tensor ``key`` of the model."""
        return self.part == 'model' or key.startswith(f'{self.part}.')

    def sort_out(self, names: Iterable[str]) -> dict[str, list[str]]:
        """The names that are ignored, by what they are."""
        ignored: dict[str, list[str]] = {}
        for name in names:
            if group := next((w for w, p in self.ignored.items() if p.search(name)), None):
                ignored.setdefault(group, []).append(name)
        return ignored


def convert(
    source: Mapping[str, Array], table: Table, model: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Convert arrays to a state dict for a model, or for its backbone.

    Args:
        source: Arrays by the source's names.
        table: The rules of the source.
        model: The model's state dict, of which keys and shapes are read. Its counters
            (``num_batches_tracked``) are set to zero.

    Raises:
        UserError: It names every tensor that is unknown, ambiguous, filled twice, missing, or of
            another shape.
    """
    result: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    faults: dict[str, list[str]] = {}

    def fault(heading: str, text: str) -> None:
        faults.setdefault(heading, []).append(text)

    skipped = {name for names in table.sort_out(source).values() for name in names}
    for name, array in source.items():
        if name in skipped:
            continue
        matches = [(rule, m) for rule in table.rules if (m := rule.source.fullmatch(name))]
        if len(matches) != 1:
            fault('matched by several rules' if matches else 'not known to the table', name)
            continue
        rule, match = matches[0]
        key, value = rule.target(match), transformed(rule, array)
        if value is None:
            fault('of a shape or type that no layer has', f'{name} {array.shape} {array.dtype}')
        elif key in origin:
            fault('filled twice', f'{key} (by {origin[key]} and {name})')
        elif misfit := _misfit(name, key, value, table, model):
            fault(*misfit)
        else:
            result[key] = torch.from_numpy(np.array(value, dtype=np.float32, order='C'))
        origin[key] = name
    wanted = [key for key in model if table.wants(key)]
    counters = {key for key in wanted if key.endswith(COUNTER)}
    for key in wanted:
        if key not in origin and key not in counters:
            fault('missing from the source', key)
    if faults:
        raise UserError(
            describe(f'the weights do not fit the model by the rules of "{table.name}"', faults)
        )
    return result | {key: torch.zeros_like(model[key], device='cpu') for key in counters}


def _misfit(
    name: str, key: str, value: Array, table: Table, model: Mapping[str, Tensor]
) -> tuple[str, str] | None:
    """Why the array ``name`` cannot fill the tensor ``key``: a heading and a text; else None."""
    if key not in model:
        return 'without a place in the model', f'{name} -> {key}'
    if not table.wants(key):
        return f'outside the {table.part}', f'{name} -> {key}'
    if tuple(model[key].shape) != value.shape:
        return 'of another shape', f'{name} {value.shape} -> {key} {tuple(model[key].shape)}'
    return None


def transformed(rule: Rule, array: Array) -> Array | None:
    """The array as the model has it; None if it has other dimensions, or no real numbers."""
    if array.dtype.kind not in 'fiub':
        return None
    try:
        return rule.transform(array)
    except (ValueError, IndexError, TypeError):
        return None


def shape_of(source: Mapping[str, Array], table: Table, key: str) -> tuple[int, ...] | None:
    """Shape that the model's tensor ``key`` would get from ``source``; None if it gets none."""
    for name, array in source.items():
        for rule in table.rules:
            if (match := rule.source.fullmatch(name)) and rule.target(match) == key:
                value = transformed(rule, array)
                return None if value is None else value.shape
    return None
