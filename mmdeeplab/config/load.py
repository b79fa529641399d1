"""From a config file and typed options to a config: read, merged, transformed, checked last."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.shipped import find_config

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdeeplab.config.inherited import Sources
    from mmdeeplab.config.transforms import Transform


def load_config(
    path: str, options: ConfigOptions = ConfigOptions(), transforms: Iterable[Transform] = ()
) -> Config:
    """Make the config of a command.

    In this order: the file is read with its bases; ``options.cfg_options`` are merged; a training
    gets one loop and one length; what people wrote so far is checked, so that nothing below meets a
    slip; ``options`` and then ``transforms`` are carried out; one ``ignore_index`` holds everywhere
    and ``class_weight='auto'`` is noted; the result is checked (:func:`transformed`).

    Args:
        path: A file, or the name of a shipped config.
        options: What was asked for.
        transforms: Further changes.

    Raises:
        UserError: No such file, a file that does not parse, a key or an option without effect.
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
    last = [unify_ignore_index, note_auto_weights]
    return transformed(cfg, [*options.transforms(), *transforms, *last], sources)


def transformed(
    cfg: Config, transforms: Iterable[Transform], sources: Sources | None = None
) -> Config:
    """What the transforms make of a config, checked; nothing may change it afterwards.

    Args:
        cfg: A config of :func:`load_config`; it stays as it is.
        transforms: Changes that depend on the config or its data, so that they come later.
        sources: Files and options of the config.

    Raises:
        UserError: One of them cannot be carried out, or made a key without effect.
    """
    from mmdeeplab.config import validate
    from mmdeeplab.config.transforms import apply

    cfg = apply(cfg, transforms)
    validate.check_config(cfg, sources)
    return cfg


def _with_one_loop(cfg: Config, sources: Sources) -> Config:
    """``cfg`` with one loop and one length, by who wrote them."""
    from mmdeeplab.config.loops import choose_loop
    from mmdeeplab.config.transforms import replaced

    loop = cfg.get('train_cfg')
    if not loop:
        return cfg
    kind = str(loop.get('type'))
    chosen = choose_loop(loop, lambda key: sources.inherited(('train_cfg',), key, kind))
    return replaced(cfg, 'train_cfg', chosen)


def quiet_imports() -> None:
    """Import the stack without its notices about parts that we do not use."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from mmdeeplab.registry import DATASETS, MODELS

        for registry in (DATASETS, MODELS):
            registry.import_from_location()
    warnings.filterwarnings('ignore', category=DeprecationWarning)
    warnings.filterwarnings('ignore', category=FutureWarning)
