"""Find the config and the weights that a user names: files, folders, published models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.command_names import tool
from mmdeeplab.config.shipped import config_names
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_regular

BACKBONE = 'backbone'  # version of the model zoo's rows that do not segment


class Resolved(NamedTuple):
    """A config, by path or name, with the settings that make it fit, and its weights."""

    config: str
    cfg_options: list[str]
    checkpoint: Path


def resolve(name: str, checkpoint: str | None = None) -> Resolved:
    """Find config and weights, given a config with a checkpoint or the name of a published model.

    Args:
        name: A config, by path or name, or a model of the zoo, which is downloaded and converted
            if it is not in the cache.
        checkpoint: The weights for a config, see :func:`find_checkpoint`.

    Raises:
        UserError: A config comes without weights, or the name is unknown or that of a backbone.
    """
    from mmdeeplab.weights.model_zoo import WeightCache, find, load
    from mmdeeplab.weights.model_zoo.ready import config_of, ready

    rows = load()
    if name not in [row.name for row in rows]:
        if checkpoint:
            return Resolved(name, [], find_checkpoint(checkpoint))
        if Path(name).suffix or Path(name).exists() or name in config_names():
            raise UserError(
                f'{name} is a config, which needs a checkpoint; `{tool("weights")} list` names '
                'models that bring theirs'
            )
    row = find(name, rows)
    if row.version == BACKBONE:
        raise UserError(f'{name} is a backbone of {row.dataset}, not a model that segments')
    path = find_checkpoint(checkpoint) if checkpoint else ready(row, WeightCache())
    return Resolved(str(config_of(row)), list(row.cfg_options), path)


def find_checkpoint(name: str) -> Path:
    """Find a checkpoint: a file, the newest one of a folder, or a published name in the cache.

    Raises:
        UserError: There is none.
    """
    if '://' in name:
        from mmdeeplab.checkpoint.load import refuse_address

        refuse_address(name)
    path = Path(name)
    if not path.exists() and path.name == name:
        from mmdeeplab.weights.model_zoo import WeightCache, load

        if cached := WeightCache().verified(name):
            return cached
        if name in [row.name for row in load()]:
            raise UserError(f'{name} is not here yet: {tool("weights")} get {name}')
    file = newest_checkpoint(path) if path.is_dir() else path
    if file is None or not is_regular(file, 'checkpoint'):
        raise UserError(
            f'no checkpoint at {name}; training writes work_dirs/NAME/iter_N.safetensors, '
            f'{tool("convert_weights")} imports published ones'
        )
    return file


def newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest intact checkpoint of a folder; damaged ones are reported."""
    from mmdeeplab.checkpoint.find import newest_valid

    path, damaged, reason = newest_valid(work_dir)
    for text in damaged:
        print(f'warning: {text}', file=sys.stderr)
    if reason:
        print(reason, file=sys.stderr)
    return path
