"""A checkpoint of the catalogue, ready to use: its file converted into the model of its config."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from mmdeeplab.config.shipped import CONFIGS
from mmdeeplab.errors import UserError
from mmdeeplab.weights.model_zoo.cache import Cache
from mmdeeplab.weights.model_zoo.obtain import Convert, obtain
from mmdeeplab.weights.model_zoo.rows import Checkpoint


def ready(
    row: Checkpoint, cache: Cache, beside: Path | None = None, *, refresh: bool = False
) -> Path:
    """Fetch and convert what is not in the cache; what is said goes to standard error.

    Args:
        row: Which one.
        cache: Where to keep it.
        beside: Folder of the catalogue, for configs that lie there.
        refresh: Convert again, also when it is there.

    Raises:
        UserError: It cannot be fetched, is not the expected file, or does not fit its config.
    """
    with contextlib.redirect_stdout(sys.stderr):
        return obtain(row, cache, converter(beside), refresh=refresh)


def converter(beside: Path | None) -> Convert:
    """What converts the file of a row: the code behind ``tools/convert_weights.py``."""

    def convert(row: Checkpoint, source: Path, output: Path) -> None:
        from mmdeeplab.cli.convert_weights import _parser as parser
        from mmdeeplab.cli.convert_weights import convert_weights

        options = ['--cfg-options', *row.cfg_options] if row.cfg_options else []
        words = [row.importer, source, output, '--config', config_of(row, beside), *options]
        args = parser().parse_args([str(word) for word in words])
        args.licence = row.licence
        with contextlib.redirect_stdout(io.StringIO()) as said:
            convert_weights(args)
        print(said.getvalue().replace(str(output), row.name), end='')

    return convert


def config_of(row: Checkpoint, beside: Path | None = None) -> Path:
    """The config of a row: beside the catalogue, or in ``configs/``.

    Raises:
        UserError: It is in neither.
    """
    folders = [folder for folder in (beside, Path('configs'), CONFIGS) if folder]
    for folder in folders:
        if (folder / str(row.config)).is_file():
            return folder / str(row.config)
    raise UserError(f'{row.name}: no config {row.config} in {" or ".join(map(str, folders))}')
