"""A config, read, overridden and checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmdeeplab.config.shipped import find_config
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

LENGTHS = ('max_iters', 'max_epochs')


def open_config(path: str, options: Sequence[str] = ()) -> Config:
    """Read a config file, override settings by ``KEY=VALUE``, and check every key.

    Raises:
        UserError: No such file, a file that does not parse, or a key without effect.
    """
    file = find_config(path)
    quiet_imports()
    from mmdeeplab.config.class_weight import set_aside
    from mmdeeplab.config.ignore_index import unify_ignore_index
    from mmdeeplab.config.inherited import Sources
    from mmdeeplab.config.loops import choose_loop
    from mmdeeplab.config.overrides import parse_options
    from mmdeeplab.config.read import chain, read_config
    from mmdeeplab.config.validate import check_config

    cfg, helpers = read_config(file)
    override(cfg, list(options), helpers)
    sources = Sources(list(chain(file)), parse_options(list(options)))
    if loop := cfg.get('train_cfg'):
        kind = str(loop.get('type'))
        cfg.train_cfg = choose_loop(loop, lambda key: sources.inherited(('train_cfg',), key, kind))
    check_config(cfg, sources)
    unify_ignore_index(cfg)
    set_aside(cfg)
    return cfg


def override(cfg: Config, options: list[str], helpers: Mapping[str, object] | None = None) -> None:
    """Merge ``KEY=VALUE`` options; schedules follow a changed length of ``train_cfg``.

    Raises:
        UserError: A key that does not exist; ``helpers`` are names that are no keys.
    """
    from mmdeeplab.config.overrides import parse_options
    from mmdeeplab.config.validate import check_options

    values = parse_options(options)
    check_options(cfg, values, helpers or {})
    values = choose_length(cfg, values)
    before = dict(cfg.get('train_cfg') or {})
    try:
        cfg.merge_from_dict(values)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f'--cfg-options {" ".join(options)}: {error}') from error
    for length in LENGTHS:
        after = (cfg.get('train_cfg') or {}).get(length)
        if isinstance(after, int) and before.get(length) != after:
            follow(cfg, before.get(length), after, values)


def choose_length(cfg: Config, values: dict) -> dict:
    """Options with ``train_cfg.by_epoch`` where they give the length that ``cfg`` does not have.

    Raises:
        UserError: They give two lengths.
    """
    given = [key for key in LENGTHS if f'train_cfg.{key}' in values]
    if len(given) == 2:
        raise UserError('--cfg-options: a run has train_cfg.max_iters or train_cfg.max_epochs')
    old = cfg.get('train_cfg') or {}
    if not given or given[0] in old:
        return values
    old.pop('val_interval', None)  # it counted the other
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if hook.get('by_epoch') is None:
        hook.pop('interval', None)  # and this, too; without it the hook follows validation
    return {'train_cfg.by_epoch': given == ['max_epochs'], **values}


def follow(cfg: Config, before: int | None, after: int, given: dict) -> None:
    """Let what was tied to the old length of a run follow the new one.

    A schedule's ``end`` that was the run's stays the run's. Intervals of validation and
    checkpoints are shortened to the run, so that every run is evaluated and saved.
    """
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
        if before is not None and scheduler.get('end') == before:
            scheduler['end'] = after
    loop = cfg.train_cfg
    if 'train_cfg.val_interval' not in given and loop.get('val_interval'):
        loop.val_interval = min(loop.val_interval, after)
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if 'default_hooks.checkpoint.interval' not in given and hook.get('interval'):
        hook['interval'] = min(hook['interval'], after)


def quiet_imports() -> None:
    """Import the stack without its notices about parts that we do not use."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from mmdeeplab.registry import DATASETS, MODELS

        for registry in (DATASETS, MODELS):
            registry.import_from_location()
    warnings.filterwarnings('ignore', category=DeprecationWarning)
    warnings.filterwarnings('ignore', category=FutureWarning)
