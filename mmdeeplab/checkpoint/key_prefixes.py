"""Remove the prefixes that wrappers put before the names of a network's tensors.

``module.`` comes from DistributedDataParallel and averaged models, ``_orig_mod.`` from
``torch.compile``, ``model.`` from Lightning modules and training scripts.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from mmengine import dist
from torch import Tensor

ANYWHERE = ('module', '_orig_mod')  # also before a part of the network
IN_FRONT = (*ANYWHERE, 'model', 'net', 'network', 'segmentor', 'ema', 'ema_model', 'model_ema')
# Where a file keeps its tensors, the usual place first.
HOLDERS = (
    *('state_dict', 'model_state_dict', 'model_state', 'model', 'net', 'network', 'module'),
    *('weights', 'params', 'state_dict_ema', 'ema_state_dict'),
    *('ema', 'model_ema', 'ema_model', 'params_ema'),
)
UPDATES = ('n_averaged', 'steps')  # PyTorch's and MMEngine's averages count their updates so
AVERAGE = 'ema_'  # MMCV 1 keeps the average as buffers under such names, dots made underscores


def say(text: str) -> None:
    """Print a notice on standard error, on the first of several processes only."""
    if dist.is_main_process():
        print(f'note: {text}', file=sys.stderr, flush=True)


def held(loaded: Mapping) -> dict:
    """A checkpoint with its tensors under the key ``state_dict``, wherever the file has them.

    Args:
        loaded: The contents of the file; if no key for the tensors is known, it is taken as tensors
            by name.
    """
    for key in HOLDERS:
        inner = loaded.get(key)
        if isinstance(inner, Mapping) and (inner or key == 'state_dict'):
            if any(isinstance(inner.get(name), Mapping) for name in HOLDERS):
                inner = held(inner)['state_dict']
            if key == 'state_dict' or all(isinstance(v, Tensor) for v in inner.values()):
                return {**{k: v for k, v in loaded.items() if k != key}, 'state_dict': inner}
    return dict(state_dict=loaded)


def unwrapped(
    state: Mapping[str, Tensor],
    model_keys: Iterable[str],
    path: object,
    say: Callable[[str], object] = say,
) -> Mapping[str, Tensor]:
    """Remove prefixes from the names of a file's tensors, so that they match the network's names.

    Args:
        state: Tensors by their names in the file.
        model_keys: The names in the network.
        path: The file, for the notice.
        say: Called with a sentence if a prefix is removed.

    Returns:
        The tensors by their new names; ``state`` itself if no prefix is removed.
    """
    model_keys = set(model_keys)
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        return state  # the check of the weights reports it
    if not model_keys & state.keys() and (prefix := best_prefix(state, model_keys)):
        say(f'{path}: the keys carry the prefix {prefix}, taken away')
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    inner = {
        key: plain(key)
        for key in state
        if key not in model_keys and plain(key) in model_keys - state.keys()
    }
    if inner:
        say(f'{path}: {len(inner)} keys carry {" or ".join(ANYWHERE)}, taken away')
        state = {inner.get(key, key): value for key, value in state.items()}
    updates = {key for key in state if key.rpartition('.')[2] in UPDATES} - model_keys
    state = {key: value for key, value in state.items() if key not in updates} if updates else state
    averages = {AVERAGE + key.replace('.', '_') for key in model_keys} & state.keys()
    if averages:
        say(f'{path}: {len(averages)} tensors of an average (ema_) beside the weights are left out')
        state = {key: value for key, value in state.items() if key not in averages}
    return state


def best_prefix(state: Iterable[str], model_keys: set[str]) -> str:
    """The prefix whose removal gives most keys of the network, the shortest of equals; or empty."""
    matches: dict[str, tuple[int, int]] = {}  # keys that are the network's at once; or without more
    for key in state:
        prefix, parts = '', key.split('.')
        for part in parts:
            if part not in IN_FRONT:
                break
            prefix += f'{part}.'
            exact, inner = matches.get(prefix, (0, 0))
            exact += key.removeprefix(prefix) in model_keys
            matches[prefix] = exact, inner + (plain(key, prefix) in model_keys)
    best = max(matches, key=lambda prefix: (*matches[prefix], -len(prefix)), default='')
    return best if any(matches.get(best, ())) else ''


def common_prefix(keys: Sequence[str]) -> str:
    """The wrappers' prefix that all keys have, for files of networks that are not known."""
    prefix = ''
    while keys:
        part = keys[0][len(prefix) :].partition('.')[0]
        if part not in IN_FRONT or not all(key.startswith(f'{prefix}{part}.') for key in keys):
            break
        prefix += f'{part}.'
    return prefix


def plain(key: str, prefix: str = '') -> str:
    """A key without ``prefix``, and without names that wrappers put inside it."""
    parts = key.removeprefix(prefix).split('.')
    return '.'.join(part for part in parts if part not in ANYWHERE)


def in_backbone(
    state: Mapping[str, Tensor],
    model_keys: Iterable[str],
    path: object,
    say: Callable[[str], object] = say,
) -> Mapping[str, Tensor]:
    """Rename the tensors of a backbone's file as in a whole network; others stay as they are."""
    model_keys = set(model_keys)
    if model_keys & state.keys() or not any(f'backbone.{key}' in model_keys for key in state):
        return state
    say(f'{path}: the keys lack the prefix backbone., put before')
    return {f'backbone.{key}': value for key, value in state.items()}
