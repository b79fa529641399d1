"""Train a segmentation network from a config file."""

from __future__ import annotations

import argparse
import os
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
    parser.add_argument('--amp', action='store_true', help='mixed precision (bfloat16)')
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
    restarted = int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)) > 0
    notices = resume(cfg, 'auto' if restarted else args.resume)
    if not args.no_preflight:
        preflight = dict(type='mmdeeplab.PreflightHook')
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), preflight]
    from mmdeeplab.checkpoints.disk import probe
    from mmdeeplab.engine.data_check import prepare_data
    from mmdeeplab.engine.lost_rank import explained
    from mmdeeplab.engine.runner import DeepLabRunner
    from mmdeeplab.engine.trackers import require_trackers

    probe(Path(cfg.work_dir))
    require_trackers(cfg)
    data_notice = prepare_data(cfg, args.cfg_options, check=not args.no_check)
    runner = DeepLabRunner.from_cfg(cfg)
    for notice in [data_notice, *notices]:
        runner.logger.info(notice)
    runner.logger.info(f'training {Path(args.config).stem}; everything goes to {runner.work_dir}')
    with explained(runner):
        runner.train()


def resume(cfg: Config, wish: str | None) -> list[str]:
    """Set the checkpoint to go on from; return what to tell the user.

    Raises:
        UserError: There is nothing to resume, and the wish was not "auto".
    """
    if wish is None:
        return []
    if wish not in ('latest', 'auto'):
        if not Path(wish).is_file():
            raise UserError(f'--resume: no checkpoint at {wish}')
        cfg.resume, cfg.load_from = True, wish
        return [f'resuming from {wish}']
    from mmdeeplab.checkpoints.find import newest_valid

    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    path, damaged = newest_valid(cfg.work_dir, hook.get('out_dir'))
    if path is None and (wish == 'latest' or damaged):
        raise UserError(
            '; '.join(
                [
                    f'--resume: no checkpoint (iter_*.safetensors) in {cfg.work_dir}',
                    *damaged,
                    '--resume auto starts afresh, --work-dir names another folder',
                ]
            )
        )
    if path is None:
        return [f'nothing to resume in {cfg.work_dir}: starting afresh']
    cfg.resume, cfg.load_from = True, str(path)
    return [*damaged, f'resuming from {path}']


main = command(_parser, train)
