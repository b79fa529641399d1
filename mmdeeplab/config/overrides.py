"""Values of ``--cfg-options``: data, never code."""

import ast
from collections.abc import Sequence

from mmengine.config import DictAction

from mmdeeplab.errors import UserError


def parse_options(options: Sequence[str]) -> dict[str, object]:
    """``KEY=VALUE`` texts -> values by key.

    Raises:
        UserError: One that is not ``KEY=VALUE``, or a value that cannot be read.
    """
    values = {}
    for option in options:
        key, equals, value = option.partition('=')
        if not equals:
            raise UserError(f'--cfg-options takes KEY=VALUE, got {option!r}')
        try:
            values[key] = parse_value(value)
        except (ValueError, SyntaxError, AssertionError, RecursionError, MemoryError) as error:
            raise UserError(
                f'--cfg-options {key}: {value!r} cannot be read; numbers, words, [lists] and '
                "(tuples) of them, and dicts as {'type': 'EMAHook'} can"
            ) from error
    return values


def parse_value(text: str) -> object:
    """Read a value as MMEngine does, and dicts as Python's literals."""
    if 'dict(' in text:
        raise ValueError(text)
    return ast.literal_eval(text) if '{' in text else DictAction._parse_iterable(text)
