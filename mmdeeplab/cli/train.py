"""Train a segmentation network from a config file."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import (
    add_config_options,
    command,
    load_config,
    require_data,
    set_work_dir,
)
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_regular

if TYPE_CHECKING:
    from mmengine.config import Config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='train.py', description=__doc__)
    parser.add_argument('config', help='e.g. configs/deeplabv3plus_xception_voc.py')
    parser.add_argument(
        '--work-dir', metavar='DIR', help='logs and checkpoints (work_dirs/NAME of the config)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='latest',
        metavar='CKPT|auto',
        help='go on from the last checkpoint of the work dir, or from CKPT; '
        '"auto" starts afresh where there is none',
    )
    parser.add_argument(
        '--no-check', action='store_true', help='train without looking at the data first'
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision (bfloat16, where the processor has it)'
    )
    parser.add_argument(
        '--no-preflight', action='store_true', help='begin without trying one batch of everything'
    )
    add_config_options(parser)
    return parser


def train(args: argparse.Namespace) -> None:
    """Build the Runner of a config and train."""
    cfg = load_config(args.config, args)
    set_work_dir(cfg, args)
    if args.amp:
        cfg.optim_wrapper.type = 'mmdeeplab.AutocastOptimWrapper'
    require_data(cfg, 'train', 'val')
    from mmdeeplab.checkpoint.lock import training_lock
    from mmdeeplab.fileio.atomic import probe

    with ExitStack() as stack:
        if Path(cfg.work_dir).is_dir():
            stack.enter_context(training_lock(cfg.work_dir))
        notices = resume(cfg, after_restart(cfg, args.resume))
        probe(Path(cfg.work_dir))
        stack.enter_context(training_lock(cfg.work_dir))
        run(cfg, args, notices)


def run(cfg: Config, args: argparse.Namespace, notices: list[str]) -> None:
    """Train by a config whose work dir is this process's own."""
    preflight = dict(type='mmdeeplab.PreflightHook')
    hooks = [hook for hook in cfg.get('custom_hooks') or [] if hook != preflight]
    cfg.custom_hooks = hooks if args.no_preflight else [*hooks, preflight]  # a dump has it already
    from mmdeeplab.engine.distributed.lost_rank import explained
    from mmdeeplab.engine.hooks.data_check import prepare_data, with_check
    from mmdeeplab.engine.runner import DeepLabRunner
    from mmdeeplab.engine.trackers import require_trackers

    require_trackers(cfg)
    with_check(cfg)
    data_notice = prepare_data(cfg, args.cfg_options, check=not args.no_check)
    runner = DeepLabRunner.from_cfg(cfg)
    for notice in [data_notice, *notices]:
        runner.logger.info(notice)
    runner.logger.info(f'training {Path(args.config).stem}; everything goes to {runner.work_dir}')
    with explained(runner):
        runner.train()


def after_restart(cfg: Config, request: str | None) -> str | None:
    """What to resume: where torchrun started this job's ranks again, what the job itself has saved.

    Until it has saved, it begins again as at first, whatever an earlier job left in the folder.
    """
    if int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)) == 0:
        return request
    from mmdeeplab.checkpoint.find import newest_valid, read_summary
    from mmdeeplab.checkpoint.safetensors_layout import Damaged

    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    try:
        newest = newest_valid(cfg.work_dir, hook.get('out_dir')).path
        job = read_summary(newest).get('job') if newest else None
    except (OSError, Damaged):
        job = None
    return 'auto' if job and job == os.environ.get('TORCHELASTIC_RUN_ID') else request


def resume(cfg: Config, request: str | None) -> list[str]:
    """Set the checkpoint to go on from; return what to tell the user.

    Raises:
        UserError: There is nothing to resume, and the request was not "auto".
    """
    if request is None:
        return []
    if request not in ('latest', 'auto'):
        if not is_regular(request, 'checkpoint'):
            raise UserError(f'--resume: no checkpoint at {request}')
        cfg.resume, cfg.load_from = True, request
        return [f'resuming from {request}']
    from mmdeeplab.checkpoint.find import best_of, newest_valid

    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    path, damaged, reason = newest_valid(cfg.work_dir, hook.get('out_dir'))
    if path is not None:
        cfg.resume, cfg.load_from = True, str(path)
        return [*damaged, *([reason] if reason else []), f'resuming from {path}']
    best = [f'{path} can be named: --resume FILE' for path in best_of(cfg.work_dir)]
    if request == 'latest' or damaged:
        raise UserError(
            '; '.join(
                [
                    f'--resume: no checkpoint (iter_*, epoch_*.safetensors) in {cfg.work_dir}',
                    *damaged,
                    *best,
                    '--resume auto starts afresh, --work-dir names another folder',
                ]
            )
        )
    return [*best, f'nothing to resume in {cfg.work_dir}: starting afresh']


main = command(_parser, train)
