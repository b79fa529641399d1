"""Get a checkpoint of the model zoo ready to use: downloaded, and converted for its config."""

from __future__ import annotations

import sys
from pathlib import Path

from mmdeeplab.config.shipped import CONFIGS
from mmdeeplab.errors import UserError
from mmdeeplab.weights.model_zoo.cache import WeightCache
from mmdeeplab.weights.model_zoo.obtain import Convert, obtain
from mmdeeplab.weights.model_zoo.rows import Checkpoint


def ready(
    row: Checkpoint, cache: WeightCache, beside: Path | None = None, *, refresh: bool = False
) -> Path:
    """Download and convert a checkpoint, unless it is in the cache; notices go to standard error.

    Args:
        row: The published checkpoint.
        cache: The cache.
        beside: Folder of the model zoo's JSON file, which may contain configs.
        refresh: Whether to convert it again if it is in the cache.

    Returns:
        The converted checkpoint.

    Raises:
        UserError: It cannot be downloaded, is not the expected file, or does not fit its config.
    """
    return obtain(row, cache, converter(beside), refresh=refresh)


def converter(beside: Path | None) -> Convert:
    """The function that converts the file of a row for the model of its config."""

    def convert_row(row: Checkpoint, source: Path, output: Path) -> None:
        from mmdeeplab.config.load import quiet_imports
        from mmdeeplab.weights.convert import Conversion, convert, write

        quiet_imports()
        converted = convert(
            Conversion(
                source=str(row.importer),
                input=source,
                config=str(config_of(row, beside)),
                cfg_options=row.cfg_options,
                licence=row.licence,
            )
        )
        write(output, converted.state, converted.metadata)
        print('\n'.join(converted.summary(row.name)), file=sys.stderr)

    return convert_row


def config_of(row: Checkpoint, beside: Path | None = None) -> Path:
    """The config file of a row: beside the model zoo's JSON file, or in ``configs/``.

    Raises:
        UserError: It is in neither.
    """
    folders = [folder for folder in (beside, Path('configs'), CONFIGS) if folder]
    for folder in folders:
        if (folder / str(row.config)).is_file():
            return folder / str(row.config)
    raise UserError(f'{row.name}: no config {row.config} in {" or ".join(map(str, folders))}')
