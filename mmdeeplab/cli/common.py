"""Shared code of the commands: errors as sentences, and the options of all configs."""

from __future__ import annotations

import argparse
import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.command_names import call_tools
from mmdeeplab.config.data import datasets
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.console import one_line, print_traceback, printable_output
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

FULL = (errno.ENOSPC, errno.EDQUOT)
OF_PATHS = (
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EILSEQ),
    *(errno.EACCES, errno.EPERM, errno.EROFS, *FULL),
)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command with a config has."""
    parser.add_argument('--data-root', metavar='DIR', help='the data, for every data set')
    parser.add_argument(
        '--output-stride', type=int, metavar='N', help='8, 16 or 32: backbone and ASPP rates'
    )
    parser.add_argument(
        '--launcher', choices=('none', 'pytorch', 'slurm'), default='none',
        help='who started this process among others: torchrun, or srun',
    )  # fmt: skip
    add_overrides(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, which may be given several times."""
    parser.add_argument(
        '--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE',
        help='override any setting',
    )  # fmt: skip


def config_options(args: argparse.Namespace) -> ConfigOptions:
    """The parsed options of :func:`add_config_options`; in a task of Slurm the rank is set.

    Raises:
        UserError: ``--launcher slurm`` is used without Slurm.
    """
    if args.launcher == 'slurm':  # before anything is done that only the first rank does
        from mmdeeplab.engine.distributed.slurm import set_environment

        set_environment()
    return ConfigOptions(args.cfg_options, args.data_root, args.output_stride, args.launcher)


def command(
    parser: Callable[[], argparse.ArgumentParser],
    action: Callable[[argparse.Namespace], None],
    loads: bool = False,
) -> Callable[..., int]:
    """Make a command's ``main(argv=None, prog=None)``, which returns the exit status.

    The status is 0, or 2 for errors that the user can fix: a UserError, or a path that cannot be
    used, is printed as one sentence. ``prog`` is the command's name if it is not ``tools/NAME.py``;
    messages then name other commands in the same way (:func:`mmdeeplab.command_names.tool`).

    Args:
        parser: Makes the parser of the command's arguments.
        action: Runs the command.
        loads: Whether the command needs PyTorch and MMEngine, whose import takes seconds; a line
            says so.
    """

    def main(argv: list[str] | None = None, prog: str | None = None) -> int:
        reader = parser()
        reader.prog = prog or reader.prog
        call_tools(installed=prog is not None)
        sys.excepthook = print_traceback
        os.environ.setdefault('OPENCV_LOG_LEVEL', 'FATAL')  # it warns of every tag of a GeoTIFF
        with printable_output():
            args = reader.parse_args(argv)
            if loads and 'torch' not in sys.modules:
                print('loading PyTorch and MMEngine', flush=True)
            try:
                action(args)
            except (UserError, OSError, ValueError, RuntimeError) as error:
                words = sentence(error) if isinstance(error, UserError) else about_a_path(error)
                if words is None:
                    raise
                print(f'error: {shortened(words)}', file=sys.stderr, flush=True)
                if 'RANK' in os.environ:
                    os._exit(2)  # a rank must not wait for the others while it is torn down
                return 2
        return 0

    return main


def about_a_path(error: OSError | ValueError | RuntimeError) -> str | None:
    """The sentence about a path that cannot be used, or a full disk; None for other errors.

    Paths come from arguments, configs and lists, and each use of one may raise such an error.
    """
    if isinstance(error, OSError) and error.errno in OF_PATHS and error.filename is not None:
        name = one_line(os.fsdecode(error.filename))
        return f'{name} cannot be used: {error.strerror}; give another path'
    if isinstance(error, OSError) and error.errno in FULL:  # writing to an open file names none
        return f'a file cannot be written: {error.strerror}; make room, and run this again'
    if isinstance(error, ValueError) and str(error).startswith('embedded null'):
        return 'a path in the arguments, the config or a list has a NUL character; leave it out'
    if isinstance(error, RuntimeError) and str(error).startswith('Symlink loop'):
        return f'{one_line(str(error))}: a link that leads back to itself; give another path'
    return None


def shortened(text: str) -> str:
    """A text without the middle of words that are longer than any path which people read."""
    return re.sub(r'\S{300,}', lambda word: f'{word[0][:60]}...{word[0][-20:]}', text)


def sentence(error: UserError) -> str:
    """The message of an error, even if a data loader's worker wrapped it in a traceback."""
    text = str(error)
    marker = f'{UserError.__module__}.{UserError.__qualname__}: '
    return text.rpartition(marker)[2].strip()


def require_parts(cfg: Config, *keys: str) -> None:
    """Refuse a config without what a command needs, such as one that is for training alone.

    Raises:
        UserError: It names the keys that are missing or None.
    """
    if missing := [key for key in keys if cfg.get(key) is None]:
        raise UserError(f'the config {cfg.filename} has no {", ".join(missing)}')


def require_data(cfg: Config, *splits: str) -> None:
    """Refuse a config whose data folder is missing, before anything is built."""
    from mmdeeplab.datasets.folders import missing_root

    for split in splits:
        for dataset in datasets(cfg, split):
            if message := missing_root(Path(dataset.data_root), dataset.get('split', split)):
                raise UserError(message)
