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
    scoped_names = [
        name
        for name, registered_cls in names(roots(path)).items()
        if registered_cls is cls and '.' in name
    ]
    candidates = [name.removeprefix(ROOT) for name in scoped_names] + scoped_names
    valid_names = [name for name in candidates if find_class(name, path, scope) is cls]
    return min(valid_names, key=len, default=None)


def _name(node: Any, path: tuple[str, ...]) -> None:
    if isinstance(node, (list, tuple)):
        for i, item in enumerate(node):
            _name(item, (*path, str(i)))
    if not isinstance(node, dict):
        return
    for key, value in dict.items(node):  # ConfigDict.items would import lazy objects
        _name(value, (*path, str(key)))
    node_type = node.get('type')
    cls = (
        _imported(node_type, path) if isinstance(node_type, str) and '.' in node_type else node_type
    )
    name = registered_name(cls, path, node.get('_scope_')) if callable(cls) else None
    if name is not None:
        node['type'] = name


def _imported(dotted_name: str, path: Sequence[str]) -> object:
    """The object of a name with its module, if the module is imported; otherwise None."""
    names(roots(path))  # imports what is registered
    module, _, name = dotted_name.rpartition('.')
    return getattr(sys.modules.get(module), name, None)
