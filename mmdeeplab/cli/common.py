"""What the commands share: errors as sentences, config files, options that reach everywhere."""

from __future__ import annotations

import argparse
import errno
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.command_names import call_tools
from mmdeeplab.config.shipped import find_config
from mmdeeplab.console import one_line, print_traceback, printable_output
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict

SPLITS = ('train', 'val', 'test')
OF_PATHS = (
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EILSEQ),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
)
LENGTHS = ('max_iters', 'max_epochs')


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that runs a config."""
    parser.add_argument('--data-root', metavar='DIR', help='the data, for every data set')
    parser.add_argument(
        '--output-stride', type=int, metavar='N', help='8, 16 or 32: backbone and ASPP rates'
    )
    parser.add_argument('--launcher', choices=('none', 'pytorch'), default='none')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override any setting'
    )


def command(
    parser: Callable[[], argparse.ArgumentParser], action: Callable[[argparse.Namespace], None]
) -> Callable[..., int]:
    """Make a command's ``main(argv=None, prog=None)``, which parses, acts, returns the exit status.

    0, or 2 for something the user can mend: a UserError, or a path that cannot be used, is printed
    as one sentence. ``prog`` is the command's name where it is not ``tools/NAME.py``; then other
    commands are named alike (:func:`mmdeeplab.command_names.tool`).
    """

    def main(argv: list[str] | None = None, prog: str | None = None) -> int:
        reader = parser()
        reader.prog = prog or reader.prog
        call_tools(installed=prog is not None)
        sys.excepthook = print_traceback
        with printable_output():
            args = reader.parse_args(argv)
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
    """A sentence for a path that cannot be used whatever is done with it; None for other errors.

    Paths come from everywhere (arguments, configs, lists), and each use of one can raise.
    """
    if isinstance(error, OSError) and error.errno in OF_PATHS and error.filename is not None:
        name = one_line(os.fsdecode(error.filename))
        return f'{name} cannot be used: {error.strerror}; give another path'
    if isinstance(error, ValueError) and str(error).startswith('embedded null'):
        return 'a path in the arguments, the config or a list has a NUL character; leave it out'
    if isinstance(error, RuntimeError) and str(error).startswith('Symlink loop'):
        return f'{one_line(str(error))}: a link that leads back to itself; give another path'
    return None


def shortened(text: str) -> str:
    """The text with the middle of every word left out that is longer than any path to be read."""
    return re.sub(r'\S{300,}', lambda word: f'{word[0][:60]}...{word[0][-20:]}', text)


def sentence(error: UserError) -> str:
    """The message itself, also when a data loader's worker wrapped it in its traceback."""
    text = str(error)
    marker = f'{UserError.__module__}.{UserError.__qualname__}: '
    return text.rpartition(marker)[2].strip()


def load_config(path: str, args: argparse.Namespace) -> Config:
    """Read a config, a file or one of ours by name, and apply the common options.

    Raises:
        UserError: No such file, a file that does not parse, or an option without effect.
    """
    cfg = open_config(path, args.cfg_options)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    if args.output_stride is not None:
        from mmdeeplab.config.output_stride import set_output_stride

        set_output_stride(cfg, args.output_stride)
    cfg.launcher = args.launcher
    return cfg


def open_config(path: str, options: Sequence[str] = ()) -> Config:
    """Read a config file, override settings by ``KEY=VALUE``, and check every key.

    Raises:
        UserError: No such file, a file that does not parse, or a key without effect.
    """
    file = find_config(path)
    quiet_imports()
    from mmdeeplab.config.class_weight import set_aside
    from mmdeeplab.config.ignore_index import unify_ignore_index
    from mmdeeplab.config.inherited import Sources
    from mmdeeplab.config.overrides import parse_options
    from mmdeeplab.config.read import chain, read_config
    from mmdeeplab.config.validate import check_config
    from mmdeeplab.engine.loops import choose_loop

    cfg, helpers = read_config(file)
    override(cfg, list(options), helpers)
    sources = Sources(list(chain(file)), parse_options(list(options)))
    if loop := cfg.get('train_cfg'):
        kind = str(loop.get('type'))
        cfg.train_cfg = choose_loop(loop, lambda key: sources.inherited(('train_cfg',), key, kind))
    check_config(cfg, sources)
    unify_ignore_index(cfg)
    set_aside(cfg)
    return cfg


def override(cfg: Config, options: list[str], helpers: Mapping[str, object] | None = None) -> None:
    """Merge ``KEY=VALUE`` options; schedules follow a changed length of ``train_cfg``.

    Raises:
        UserError: A key that does not exist; ``helpers`` are names that are no keys.
    """
    from mmdeeplab.config.overrides import parse_options
    from mmdeeplab.config.validate import check_options

    values = parse_options(options)
    check_options(cfg, values, helpers or {})
    values = choose_length(cfg, values)
    before = dict(cfg.get('train_cfg') or {})
    try:
        cfg.merge_from_dict(values)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(f'--cfg-options {" ".join(options)}: {error}') from error
    for length in LENGTHS:
        after = (cfg.get('train_cfg') or {}).get(length)
        if isinstance(after, int) and before.get(length) != after:
            follow(cfg, before.get(length), after, values)


def choose_length(cfg: Config, values: dict) -> dict:
    """Options with ``train_cfg.by_epoch`` where they give the length that ``cfg`` does not have.

    Raises:
        UserError: They give two lengths.
    """
    given = [key for key in LENGTHS if f'train_cfg.{key}' in values]
    if len(given) == 2:
        raise UserError('--cfg-options: a run has train_cfg.max_iters or train_cfg.max_epochs')
    old = cfg.get('train_cfg') or {}
    if not given or given[0] in old:
        return values
    old.pop('val_interval', None)  # it counted the other
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if hook.get('by_epoch') is None:
        hook.pop('interval', None)  # and this, too; without it the hook follows validation
    return {'train_cfg.by_epoch': given == ['max_epochs'], **values}


def follow(cfg: Config, before: int | None, after: int, given: dict) -> None:
    """Let what was tied to the old length of a run follow the new one.

    A schedule's ``end`` that was the run's stays the run's. Intervals of validation and
    checkpoints are shortened to the run, so that every run is evaluated and saved.
    """
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
        if before is not None and scheduler.get('end') == before:
            scheduler['end'] = after
    loop = cfg.train_cfg
    if 'train_cfg.val_interval' not in given and loop.get('val_interval'):
        loop.val_interval = min(loop.val_interval, after)
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if 'default_hooks.checkpoint.interval' not in given and hook.get('interval'):
        hook['interval'] = min(hook['interval'], after)


def datasets(cfg: Config, *splits: str) -> Iterator[ConfigDict]:
    """Every data set of the splits, also inside wrappers."""

    def walk(node: object) -> Iterator[ConfigDict]:
        if isinstance(node, dict):
            if 'data_root' in node:
                yield node
            for key in ('dataset', 'datasets'):
                yield from walk(node.get(key))
        elif isinstance(node, (list, tuple)):
            for item in node:
                yield from walk(item)

    for split in splits:
        yield from walk((cfg.get(f'{split}_dataloader') or {}).get('dataset'))


def set_data_root(cfg: Config, root: str) -> None:
    """Point every data set at ``root``."""
    found = list(datasets(cfg, *SPLITS))
    if not found:
        raise UserError('--data-root: no data set of this config has a data_root')
    for dataset in found:
        dataset.data_root = root


def set_work_dir(cfg: Config, args: argparse.Namespace) -> None:
    """Where logs and checkpoints go: ``--work-dir``, the config's, or ``work_dirs/NAME``."""
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'


def require_data(cfg: Config, *splits: str) -> None:
    """Fail at once when the folder of a data set is missing, before anything is built."""
    from mmdeeplab.datasets.voc_folder import missing_root

    for split in splits:
        for dataset in datasets(cfg, split):
            if message := missing_root(Path(dataset.data_root), dataset.get('split', split)):
                raise UserError(message)


def newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest checkpoint of a folder that is whole; the others are named with the reason."""
    from mmdeeplab.checkpoint.find import newest_valid

    path, damaged, reason = newest_valid(work_dir)
    for text in damaged:
        print(f'warning: {text}', file=sys.stderr)
    if reason:
        print(reason, file=sys.stderr)
    return path


def quiet_imports() -> None:
    """Import the stack without its notices about parts that we do not use."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from mmdeeplab.registry import DATASETS, MODELS

        for registry in (DATASETS, MODELS):
            registry.import_from_location()
    warnings.filterwarnings('ignore', category=DeprecationWarning)
    warnings.filterwarnings('ignore', category=FutureWarning)
