"""Load the config of a command: read the file, merge options, apply changes, validate."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.shipped import find_config

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdeeplab.config.changes import ConfigChange
    from mmdeeplab.config.inherited import Sources


def load_config(
    path: str, options: ConfigOptions = ConfigOptions(), changes: Iterable[ConfigChange] = ()
) -> Config:
    """Load the config of a command.

    The steps are: read the file and its bases; merge ``options.cfg_options``; settle the loop and
    length of training; validate what the user wrote, so that later steps need not expect slips;
    apply the other ``options``, then ``changes``; make ``ignore_index`` agree everywhere and
    note ``class_weight='auto'``; validate the result (:func:`with_changes`).

    Args:
        path: A file, or the name of a shipped config.
        options: The user's options.
        changes: Further changes.

    Raises:
        UserError: There is no such file, it does not parse, or a key or an option has no effect.
    """
    file = find_config(path)
    quiet_imports()
    from mmdeeplab.config import overrides, validate
    from mmdeeplab.config.bases import chain
    from mmdeeplab.config.class_weight import note_auto_weights
    from mmdeeplab.config.ignore_index import unify_ignore_index
    from mmdeeplab.config.inherited import Sources
    from mmdeeplab.config.read import read_config

    cfg, helpers = read_config(file)
    cfg = overrides.merge_options(cfg, options.cfg_options, helpers)
    sources = Sources(list(chain(file)), overrides.parse_options(options.cfg_options))
    cfg = _with_one_loop(cfg, sources)
    validate.check_config(cfg, sources)
    final_changes = [unify_ignore_index, note_auto_weights]
    return with_changes(cfg, [*options.changes(), *changes, *final_changes], sources)


def with_changes(
    cfg: Config, changes: Iterable[ConfigChange], sources: Sources | None = None
) -> Config:
    """Apply changes to a config and validate the result, which must not be changed afterwards.

    Args:
        cfg: A config from :func:`load_config`; it is not changed.
        changes: Changes, such as those that depend on the config or its data.
        sources: Files and options of the config.

    Raises:
        UserError: A change cannot be made, or leads to a key without effect.
    """
    from mmdeeplab.config import validate
    from mmdeeplab.config.changes import apply

    cfg = apply(cfg, changes)
    validate.check_config(cfg, sources)
    return cfg


def _with_one_loop(cfg: Config, sources: Sources) -> Config:
    """``cfg`` with one loop and one length; ``sources`` tells which of them a base wrote."""
    from mmdeeplab.config.changes import replaced
    from mmdeeplab.config.loops import choose_loop

    loop = cfg.get('train_cfg')
    if not loop:
        return cfg
    loop_type = str(loop.get('type'))
    train_cfg = choose_loop(loop, lambda key: sources.inherited(('train_cfg',), key, loop_type))
    return replaced(cfg, 'train_cfg', train_cfg)


def quiet_imports() -> None:
    """Import mmengine, mmcv and mmseg without their notices about parts that are not used here.

    The garbage collector is off meanwhile, since it would go through all modules many times.
    """
    with warnings.catch_warnings(), _without_garbage_collector():
        warnings.simplefilter('ignore')
        from mmdeeplab.registry import DATASETS, MODELS

        for registry in (DATASETS, MODELS):
            registry.import_from_location()
    warnings.filterwarnings('ignore', category=DeprecationWarning)
    warnings.filterwarnings('ignore', category=FutureWarning)
    # mmseg says so of class weights, too, with which it averages over labels alone.
    warnings.filterwarnings('ignore', message='Default ``avg_non_ignore`` is False')


@contextmanager
def _without_garbage_collector() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
