"""Functions that change a config; each returns a new one and leaves the given one as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config

ConfigChange = Callable[['Config'], 'Config']


def apply(cfg: Config, changes: Iterable[ConfigChange]) -> Config:
    """Apply changes to a config, one after the other."""
    for change in changes:
        cfg = change(cfg)
    return cfg


def with_settings(cfg: Config, values: Mapping[str, object]) -> Config:
    """``cfg`` with other values for some settings.

    Args:
        cfg: A config.
        values: Values by dotted path; a dict is merged into an existing one.
    """
    changed = copy.deepcopy(cfg)
    changed.merge_from_dict(dict(values))
    return changed


def replaced(cfg: Config, key: str, value: object) -> Config:
    """``cfg`` with another value of a top-level key, which is not merged with the old one."""
    changed = copy.deepcopy(cfg)
    changed[key] = value
    return changed


def with_hooks(cfg: Config, *hooks: Mapping[str, object]) -> Config:
    """``cfg`` with hooks appended to its ``custom_hooks``."""
    changed = copy.deepcopy(cfg)
    changed.custom_hooks = [*(changed.get('custom_hooks') or []), *map(dict, hooks)]
    return changed


def with_work_dir(cfg: Config, work_dir: str | None, name: str) -> Config:
    """``cfg`` with a work dir for logs and checkpoints.

    Args:
        cfg: A config.
        work_dir: The folder; by default the one that ``cfg`` names, or ``work_dirs/NAME``.
        name: Name of the config.
    """
    folder = work_dir or cfg.get('work_dir') or f'work_dirs/{name}'
    return with_settings(cfg, dict(work_dir=folder))
