"""Refuse keys and classes that do not exist, in config files and in ``--cfg-options``."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter
from typing import Any

from mmengine.config import Config

from mmdeeplab.config.data import type_name
from mmdeeplab.config.inherited import DELETE, Sources
from mmdeeplab.config.known_keys import default_of, keys_of
from mmdeeplab.config.pixels import pixel_faults
from mmdeeplab.config.registered import find_class
from mmdeeplab.errors import UserError, choose, did_you_mean, nearest

SHOWN = 12  # faults that an error spells out
SCOPES = ('mmseg', 'mmengine')
# Dicts whose keys are names of the user's choice.
FREE = ('custom_keys', 'paramwise_cfg', 'backend_args', 'filter_cfg', 'file_client_args')
Path = tuple[str, ...]


def check_config(cfg: Config, sources: Sources | None = None) -> None:
    """Refuse keys that nothing reads, and a ``type`` that is not a registered class.

    Args:
        cfg: The config.
        sources: Its files and options, to tell inherited arguments from those that the user wrote.

    Raises:
        UserError: It names every fault and what was probably meant.
    """
    faults = list(_faults((), cfg._cfg_dict, sources or Sources()))
    faults = faults or list(pixel_faults(cfg._cfg_dict))
    if len(faults) == 1:
        raise UserError(faults[0])
    if faults:
        more = [f'... and {len(faults) - SHOWN} more'] if len(faults) > SHOWN else []
        raise UserError('\n  '.join(['the config has mistakes:', *faults[:SHOWN], *more]))


def _faults(
    path: Path, node: object, sources: Sources, owner: Mapping[str, Any] = {}
) -> Iterator[str]:
    if isinstance(node, (list, tuple)):
        for i, item in enumerate(node):
            yield from _faults((*path, str(i)), item, sources)
    if not isinstance(node, Mapping):
        return
    try:
        keys = keys_of(path, node, owner)
        _check_names(path, node)
    except ValueError as error:
        yield str(error)
        keys = None
    for key, value in node.items():
        if key == 'transforms' and type_name(node.get('type')) == 'Albu':
            continue  # classes of albumentations, which is not ours to look into
        if keys is not None and key not in keys and not _is_own_hook(path, key, value, keys):
            yield unknown(path, node, str(key), keys, sources)
        else:
            yield from _faults((*path, str(key)), value, sources, node)


def _is_own_hook(path: Path, key: str, value: object, keys: frozenset[str]) -> bool:
    """Whether a key is the user's own name for a hook, and not a misspelt known name."""
    has_type = isinstance(value, Mapping) and 'type' in value
    return path == ('default_hooks',) and has_type and nearest(key, keys) is None


def _check_names(path: Path, node: Mapping[str, Any]) -> None:
    """Check names of classes under other keys than ``type``, and a few choices."""
    if not path:
        choose('default_scope', node.get('default_scope', SCOPES[0]), SCOPES)
        if node.get('runner_type'):
            find_class(node['runner_type'], ('runner_type',))
    if path == ('env_cfg',):
        choose('env_cfg.allow_tf32', node.get('allow_tf32'), (None, True, False))
    if path[-1:] == ('optim_wrapper',) and node.get('constructor'):
        find_class(node['constructor'], (*path, 'constructor'))
    if path[-1:] == ('clip_grad',):
        choose('.'.join([*path, 'type']), node.get('type', 'norm'), ('norm', 'value'))


def unknown(
    path: Path,
    node: Mapping[str, Any],
    key: str,
    keys: frozenset[str] | set,
    sources: Sources | None = None,
) -> str:
    """The sentence about a key that is not among ``keys``, with advice if it is inherited."""
    dotted_path = '.'.join([*path, key])
    owner = node.get('type')
    name = owner if isinstance(owner, str) else getattr(owner, '__name__', '')
    fault = f'is no argument of {name}' if name else 'is not a key of a config'
    if not name and path:
        fault = f'is not a key of {".".join(path)}'
    if sources and name and sources.inherited(path, key, name):
        return f'{dotted_path} {fault}: {sources.way_out(path)}'
    return f'{dotted_path} {fault}{did_you_mean(key, keys or {*map(str, node)})}'


def check_options(
    cfg: Config, options: Mapping[str, object], helpers: Mapping[str, object]
) -> None:
    """Refuse ``--cfg-options`` whose path is neither in ``cfg`` nor an argument of its class.

    Args:
        cfg: The config before the options.
        options: Values by dotted path.
        helpers: Variables of the config files that are not keys; changing them has no effect.

    Raises:
        UserError: It names the first such path and what was probably meant.
    """
    for option, value in options.items():
        path = tuple(option.split('.'))
        if path[0] in helpers:
            raise UserError(
                f'--cfg-options {option}: {_without_effect(path[0], helpers, cfg._cfg_dict)}'
            )
        _check_option(cfg._cfg_dict, path, value, options)


def _check_option(
    cfg: Mapping[str, Any], path: Path, value: object, options: Mapping[str, object]
) -> None:
    node: Any = cfg
    owner: Mapping[str, Any] = {}
    option = '.'.join(path)
    for depth, key in enumerate(path):
        parent = path[:depth]
        if key == DELETE and depth:
            return
        if isinstance(node, Mapping):
            node = _with_class(parent, node, options)
            if key not in node:
                keys = keys_of(parent, node, owner)
                if keys is None and ('type' in node or parent[-1] in FREE):
                    return
                if keys is None or key not in keys:
                    raise UserError(
                        f'--cfg-options {option}: {unknown(parent, node, key, keys or set())}'
                    )
                _check_default(option, default_of(parent, node, key), path[depth:], value)
                return  # what is below is checked when it is merged
            constructor = options.get('.'.join([*parent, 'constructor']), node.get('constructor'))
            owner, node = {**node, 'constructor': constructor}, node[key]
        elif isinstance(node, (list, tuple)) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        else:
            fact = f'has {len(node)} items' if isinstance(node, (list, tuple)) else f'is {node!r}'
            raise UserError(
                f'--cfg-options {option}: {".".join(parent)} {fact}, so there is no {key}'
            )
    _check_kind(option, node, value)


def _with_class(
    path: Path, node: Mapping[str, Any], options: Mapping[str, object]
) -> Mapping[str, Any]:
    """``node`` of the class that the options give it, with the arguments that this one takes."""
    new_type = options.get('.'.join([*path, 'type']))
    if new_type is None or new_type == node.get('type'):
        return node
    if any(options.get('.'.join([*path[:i], DELETE])) is True for i in range(1, len(path) + 1)):
        return dict(type=new_type)
    node = {**node, 'type': new_type}
    keys = keys_of(path, node)
    return node if keys is None else {key: node[key] for key in node if key in keys}


def _check_kind(option: str, old: object, new: object) -> None:
    """Refuse a string for a setting that was a number, a bool or a dict."""
    type_texts = {bool: 'True or False', int: 'a number', float: 'a number', dict: 'a dict'}
    expected = next((type_texts[k] for k in type_texts if isinstance(old, k)), None)
    if expected and isinstance(new, str):
        hint = did_you_mean(new, ('True', 'False', 'None'))
        raise UserError(f'--cfg-options {option} is {expected}, got {new!r}{hint}')


def _check_default(option: str, argument: Parameter | None, rest: Path, value: object) -> None:
    """Refuse a string for an argument whose default is a bool, if it takes no strings."""
    if argument is None or len(rest) > 1 or 'str' in str(argument.annotation):
        return
    if isinstance(argument.default, bool):
        _check_kind(option, argument.default, value)


def _without_effect(name: str, helpers: Mapping[str, object], cfg: Mapping[str, Any]) -> str:
    places = list(_places((), cfg, helpers[name]))[:4]
    advice = f': set {", ".join(places)}' if places else ''
    return f'{name} is a variable of the config file; what was made of it does not follow{advice}'


def _places(path: Path, node: object, value: object) -> Iterator[str]:
    """The dotted paths below ``node`` where ``value`` is found."""
    if path and node == value and type(node) is type(value):
        yield '.'.join(path)
        return
    items: Sequence = ()
    if isinstance(node, Mapping):
        items = list(node.items())
    elif isinstance(node, (list, tuple)):
        items = list(enumerate(node))
    for key, item in items:
        yield from _places((*path, str(key)), item, value)
