"""Merge ``--cfg-options`` into a config; their values are data, never code."""

import ast
import copy
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate

from mmengine.config import Config, DictAction

from mmdeeplab.config.validate import check_options
from mmdeeplab.errors import UserError

LENGTHS = ('max_iters', 'max_epochs')
PATHS = ('work_dir', 'load_from', 'data_root', 'ann_file', 'out_dir', 'checkpoint')


def merge_options(
    cfg: Config, options: Sequence[str], helpers: Mapping[str, object] | None = None
) -> Config:
    """``cfg`` with ``KEY=VALUE`` options merged; schedules follow a changed length of training.

    Args:
        cfg: The config as its files have it.
        options: ``KEY=VALUE`` texts.
        helpers: Variables of the config files that are not keys.

    Raises:
        UserError: A key does not exist, or a value cannot be merged.
    """
    values = parse_options(options)
    check_options(cfg, values, helpers or {})
    merged = copy.deepcopy(cfg)
    values = _choose_length(merged, values)
    old_loop = dict(merged.get('train_cfg') or {})
    try:
        merged.merge_from_dict(values)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f'--cfg-options {" ".join(options)}: {error}') from error
    for length in LENGTHS:
        new_length = (merged.get('train_cfg') or {}).get(length)
        if isinstance(new_length, int) and old_loop.get(length) != new_length:
            _follow(merged, old_loop.get(length), new_length, values)
    return merged


def _choose_length(cfg: Config, values: dict) -> dict:
    """Add ``train_cfg.by_epoch`` to the options if they change iterations to epochs or back.

    Intervals of ``cfg`` in the other unit are removed.

    Raises:
        UserError: The options give two lengths.
    """
    length_keys = [key for key in LENGTHS if f'train_cfg.{key}' in values]
    if len(length_keys) == 2:
        raise UserError('--cfg-options: a run has train_cfg.max_iters or train_cfg.max_epochs')
    loop = cfg.get('train_cfg') or {}
    if not length_keys or length_keys[0] in loop:
        return values
    loop.pop('val_interval', None)  # it was in the other unit
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if hook.get('by_epoch') is None:
        hook.pop('interval', None)  # also in the other unit; without it the hook follows validation
    return {'train_cfg.by_epoch': length_keys == ['max_epochs'], **values}


def _follow(cfg: Config, old_length: int | None, new_length: int, options: dict) -> None:
    """Adapt schedules and intervals to a new length of the run.

    A schedule that ended with the run still does. Intervals of validation and checkpoints become at
    most the length of the run, so that every run is evaluated and saved.
    """
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
        if old_length is not None and scheduler.get('end') == old_length:
            scheduler['end'] = new_length
    loop = cfg.train_cfg
    if 'train_cfg.val_interval' not in options and loop.get('val_interval'):
        loop.val_interval = min(loop.val_interval, new_length)
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if 'default_hooks.checkpoint.interval' not in options and hook.get('interval'):
        hook['interval'] = min(hook['interval'], new_length)


def parse_options(options: Sequence[str]) -> dict[str, object]:
    """Parse ``KEY=VALUE`` texts; return the values by key.

    Raises:
        UserError: A text is not ``KEY=VALUE``, or its value cannot be parsed.
    """
    values = {}
    for option in options:
        key, equals, value = option.partition('=')
        key = key.strip()
        if not equals:
            raise UserError(f'--cfg-options takes KEY=VALUE, got {option!r}')
        try:
            is_path = key.rpartition('.')[2] in PATHS
            values[key] = parse_path(value) if is_path else parse_value(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise UserError(
                f'--cfg-options {key}: {value!r} cannot be read; numbers, words, [lists] and '
                "(tuples) of them, and dicts as {'type': 'EMAHook'} can"
            ) from error
    return values


def parse_path(text: str) -> object:
    """A path as it is typed, whatever is in its name; nothing and ``None`` are None."""
    path = text.strip('\'"')
    if text.startswith('{'):  # default_hooks.checkpoint is a dict
        return parse_value(text)
    return None if path in ('', 'None') else path


def parse_value(text: str) -> object:
    """Parse a value as MMEngine does, but keep spaces within words; dicts are Python literals.

    Raises:
        ValueError: A dict is no literal, or brackets do not match.
        SyntaxError: A dict is no literal.
    """
    text = text.strip()
    is_list = text[:1] + text[-1:] in ('()', '[]') and _is_balanced(text[1:-1])
    if text.startswith(('{', 'dict(')) or (is_list and re.search(r'\{|dict\(', text)):
        return ast.literal_eval(text)
    if not is_list and ',' not in text:
        return DictAction._parse_int_float_bool(text.strip('\'"'))
    values = [parse_value(part) for part in _parts(text[1:-1] if is_list else text)]
    return tuple(values) if is_list and text[0] == '(' else values


def _is_balanced(text: str) -> bool:
    """Whether every bracket closes one that was opened before it."""
    depths = [0, *accumulate((char in '([') - (char in ')]') for char in text)]
    return min(depths) == depths[-1] == 0


def _parts(text: str) -> list[str]:
    """The parts of a text between the commas outside of brackets."""
    if not _is_balanced(text):
        raise ValueError('brackets do not match')
    parts = ['']
    for char in text:
        if char == ',' and _is_balanced(parts[-1]):
            parts.append('')
        else:
            parts[-1] += char
    return [part for part in parts if part.strip()]
