"""From what a person names to a config and its weights: files, folders, published models."""

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
    """A config, a file or a name of ours, the settings that make it fit, and its weights."""

    config: str
    cfg_options: list[str]
    checkpoint: Path


def resolve(name: str, checkpoint: str | None = None) -> Resolved:
    """What a config with a checkpoint, or the name of a published model, stands for.

    Args:
        name: A config, its file or its name, or a model of the zoo, which is fetched and converted
            where it is not in the cache.
        checkpoint: Weights, see :func:`find_checkpoint`; a config needs them.

    Raises:
        UserError: No weights for a config, a backbone's name, or an unknown name.
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
    """A checkpoint file, the newest one of a folder, or a name that ``weights.py get`` has fetched.

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
    """The newest checkpoint of a folder that is whole; the others are named with the reason."""
    from mmdeeplab.checkpoint.find import newest_valid

    path, damaged, reason = newest_valid(work_dir)
    for text in damaged:
        print(f'warning: {text}', file=sys.stderr)
    if reason:
        print(reason, file=sys.stderr)
    return path
