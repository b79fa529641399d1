"""Train a segmentation network from a config file."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import (
    add_config_options,
    command,
    config_options,
    require_data,
    require_parts,
)
from mmdeeplab.config.load import load_config, with_changes
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_regular

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdeeplab.checkpoint.find import Found
    from mmdeeplab.engine.training_config import TrainingOptions


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
    cfg = load_config(args.config, config_options(args))
    require_parts(cfg, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
    require_data(cfg, 'train', 'val')
    cfg = with_changes(cfg, training_options(args).changes())
    from mmdeeplab.checkpoint.lock import training_lock
    from mmdeeplab.fileio.atomic import probe

    with ExitStack() as stack:
        if Path(cfg.work_dir).is_dir():
            stack.enter_context(training_lock(cfg.work_dir))
        checkpoint, notices = find_resume(cfg, after_restart(cfg, args.resume))
        probe(Path(cfg.work_dir))
        stack.enter_context(training_lock(cfg.work_dir))
        run(cfg, args, checkpoint, notices)


def training_options(args: argparse.Namespace) -> TrainingOptions:
    """The options of this command, besides those of every config."""
    from mmdeeplab.engine.training_config import TrainingOptions

    return TrainingOptions(
        name=Path(args.config).stem,
        work_dir=args.work_dir,
        amp=args.amp,
        check=not args.no_check,
        preflight=not args.no_preflight,
    )


def run(cfg: Config, args: argparse.Namespace, checkpoint: str | None, notices: list[str]) -> None:
    """Train; this process holds the lock of the work dir.

    Args:
        cfg: The config.
        args: The options.
        checkpoint: The checkpoint to resume from, if any.
        notices: Sentences about the checkpoint for the user.
    """
    from mmdeeplab.config.class_weight import with_class_weights
    from mmdeeplab.engine.distributed.lost_rank import explained
    from mmdeeplab.engine.distributed.ranks import join_ranks, require_agreement
    from mmdeeplab.engine.hooks.data_check import check_training_data
    from mmdeeplab.engine.runner import DeepLabRunner
    from mmdeeplab.engine.trackers import require_trackers
    from mmdeeplab.engine.training_config import with_resume

    require_trackers(cfg)
    join_ranks(cfg.get('launcher', 'none'), cfg.get('env_cfg', {}))
    require_agreement('the checkpoint to go on from', named(checkpoint))
    data = check_training_data(cfg, args.cfg_options)
    weigh = partial(with_class_weights, weights=data.weights)
    go_on = partial(with_resume, checkpoint=checkpoint)
    runner = DeepLabRunner.from_cfg(with_changes(cfg, [weigh, go_on]))
    for notice in [data.notice, *notices]:
        runner.logger.info(notice)
    runner.logger.info(f'training {Path(args.config).stem}; everything goes to {runner.work_dir}')
    with explained(runner):
        runner.train()


def named(checkpoint: str | None) -> str:
    """A text that identifies a checkpoint, to compare it between ranks; "none" for None."""
    from mmdeeplab.checkpoint.find import read_summary
    from mmdeeplab.checkpoint.safetensors_layout import Damaged

    if checkpoint is None:
        return 'none'
    name = Path(checkpoint).name
    try:
        return f'{name} of {read_summary(Path(checkpoint)).get("started")}'
    except Damaged:  # MMEngine's own .pth
        return name


def newest_of(cfg: Config) -> Found:
    """The newest intact checkpoint of the config's work dir."""
    from mmdeeplab.checkpoint.find import newest_valid

    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    return newest_valid(cfg.work_dir, hook.get('out_dir'))


def after_restart(cfg: Config, request: str | None) -> str | None:
    """What to resume, if the launcher may have restarted this job's ranks.

    After a restart it is the checkpoint that this job has saved. If it has not saved any yet, the
    request of the first start counts again, whatever an earlier job left in the folder.
    """
    from mmdeeplab.checkpoint.find import read_summary
    from mmdeeplab.checkpoint.safetensors_layout import Damaged
    from mmdeeplab.engine.distributed.job import job_name, may_have_saved

    if not may_have_saved():
        return request
    try:
        newest = newest_of(cfg).path
        job = read_summary(newest).get('job') if newest else None
    except (OSError, Damaged):
        job = None
    return 'auto' if job and job == job_name() else request


def find_resume(cfg: Config, request: str | None) -> tuple[str | None, list[str]]:
    """The checkpoint to resume from, None to start anew, and sentences for the user.

    Raises:
        UserError: There is nothing to resume, and the request is not "auto".
    """
    if request is None:
        return None, []
    if request not in ('latest', 'auto'):
        if not is_regular(request, 'checkpoint'):
            raise UserError(f'--resume: no checkpoint at {request}')
        return request, [f'resuming from {request}']
    from mmdeeplab.checkpoint.find import best_of

    path, damaged, reason = newest_of(cfg)
    if path is not None:
        return str(path), [*damaged, *([reason] if reason else []), f'resuming from {path}']
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
    return None, [*best, f'nothing to resume in {cfg.work_dir}: starting afresh']


main = command(_parser, train, loads=True)
