"""MMEngine's new-style configs, which import classes where others name them."""

import copy
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mmengine.config import Config

from mmdeeplab.config.registered import find_class, names, roots

ROOT = 'mmengine.'  # the scope of the registries whose names need none


def with_names(cfg: Config) -> Config:
    """``cfg`` with the registered name in the place of every class under ``type``.

    All that follows, and what is dumped, is then as of a config that names its classes. MMEngine
    dumps a new-style config with the modules that it imported (``'mmengine.optim.OptimWrapper'``):
    these names become the registered ones, too. They are looked up among the modules that are
    imported already, as those of the registries are, and none is imported for them. What no
    registry has is left as it is.
    """
    changed = copy.deepcopy(cfg)
    _name(changed._cfg_dict, ())
    return changed


def registered_name(cls: Callable, path: Sequence[str], scope: object = None) -> str | None:
    """The shortest name of ``cls`` at ``path`` in a config; only MMEngine's scope is left out.

    Args:
        cls: A class or function.
        path: Keys of the dict whose ``type`` it is.
        scope: The dict's ``_scope_``.
    """
    scoped = [name for name, one in names(roots(path)).items() if one is cls and '.' in name]
    found = [name.removeprefix(ROOT) for name in scoped] + scoped
    right = [name for name in found if find_class(name, path, scope) is cls]
    return min(right, key=len, default=None)


def _name(node: Any, path: tuple[str, ...]) -> None:
    if isinstance(node, (list, tuple)):
        for i, item in enumerate(node):
            _name(item, (*path, str(i)))
    if not isinstance(node, dict):
        return
    for key, value in dict.items(node):  # ConfigDict's own would import what is to stay lazy
        _name(value, (*path, str(key)))
    kind = node.get('type')
    cls = _imported(kind, path) if isinstance(kind, str) and '.' in kind else kind
    name = registered_name(cls, path, node.get('_scope_')) if callable(cls) else None
    if name is not None:
        node['type'] = name


def _imported(kind: str, path: Sequence[str]) -> object:
    """What a name with its module means, if that is imported; otherwise None."""
    names(roots(path))  # imports what is registered
    module, _, name = kind.rpartition('.')
    return getattr(sys.modules.get(module), name, None)
