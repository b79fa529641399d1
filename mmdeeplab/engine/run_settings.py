"""Compare the settings of a run with earlier ones."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.runner import Runner

# Keys about folders and the start of a run, on which its results do not depend.
PLACES = ('work_dir', 'load_from', 'resume', 'launcher', 'log_level', 'filename')


def settings(runner: 'Runner') -> dict:
    """The configuration as plain data, and the number of processes."""
    cfg = {key: plain(value) for key, value in runner.cfg.to_dict().items()}
    return dict(**cfg, processes=runner.world_size)


def plain(node: object) -> object:
    """``node`` with everything that is not plain data (classes, functions) converted to text."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(plain(item) for item in node)
    return node if node is None or isinstance(node, (bool, int, float, str)) else str(node)


def differences(old: dict, new: dict) -> list[str]:
    """A line ``KEY: OLD -> NEW`` for each setting that differs; "-" stands for a missing value."""
    before, after = dict(leaves(old)), dict(leaves(new))
    keys = [*before, *(key for key in after if key not in before)]
    return [
        f'{key}: {before.get(key, "-")} -> {after.get(key, "-")}'
        for key in keys
        if key.split('.')[0] not in PLACES
        and (key in before, before.get(key)) != (key in after, after.get(key))
    ]


def leaves(node: object, path: str = '') -> Iterator[tuple[str, object]]:
    """All values below ``node``, by dotted key."""
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, (list, tuple)) and any(isinstance(i, (dict, list)) for i in node)
        else None
    )
    if children is None:
        yield path, node
        return
    for key, child in children:
        yield from leaves(child, f'{path}.{key}' if path else str(key))
