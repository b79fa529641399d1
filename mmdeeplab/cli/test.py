"""Evaluate a checkpoint: per-class IoU and accuracy, mIoU, pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import (
    add_config_options,
    command,
    load_config,
    newest_checkpoint,
    require_data,
)
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='test.py', description=__doc__)
    parser.add_argument('config', help='e.g. configs/deeplabv3plus_xception_voc.py')
    parser.add_argument(
        'checkpoint', help='.pth of training, .safetensors, or a work dir (its newest)'
    )
    parser.add_argument('--out', metavar='DIR', help='write metrics.json and pictures')
    parser.add_argument(
        '--tta', action='store_true', help='six scales and their mirrors, as in the papers'
    )
    parser.add_argument(
        '--crf', action='store_true', help="dense CRF behind the network, with the config's `crf`"
    )
    parser.add_argument('--work-dir', metavar='DIR', help='logs (work_dirs/NAME of the config)')
    add_config_options(parser)
    return parser


def test(args: argparse.Namespace) -> None:
    """Build the Runner of a config, evaluate, and write the report."""
    cfg = load_config(args.config, args)
    args.checkpoint = str(find_checkpoint(args.checkpoint))
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'
    cfg.load_from, cfg.resume = args.checkpoint, False
    require_data(cfg, 'test')
    if args.tta:
        enable_tta(cfg)
    if args.crf:
        enable_crf(cfg)
    if args.out:
        hook = dict(type='mmdeeplab.PictureHook', out=str(Path(args.out) / 'pictures'))
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]
    from mmengine import dist

    from mmdeeplab.engine.runner import DeepLabRunner

    runner = DeepLabRunner.from_cfg(cfg)
    runner.test()
    if args.out and dist.is_main_process():
        result = runner.test_evaluator.metrics[0].result
        write_metrics(Path(args.out), args, result)
        runner.logger.info(f'report: {args.out}/metrics.json and {args.out}/pictures')


def find_checkpoint(wish: str) -> Path:
    """A checkpoint file, or the newest one of a folder.

    Raises:
        UserError: There is none.
    """
    path = Path(wish)
    found = newest_checkpoint(path) if path.is_dir() else path
    if found is None or not found.is_file():
        raise UserError(
            f'no checkpoint at {wish}; training writes work_dirs/NAME/iter_N.pth, '
            'tools/convert_weights.py imports published ones'
        )
    return found


def enable_tta(cfg: Config) -> None:
    """Wrap the network for multi-scale and flipped inference."""
    wrapper = cfg.get('tta_model') or dict(type='mmdeeplab.MultiScaleFlip')
    cfg.model = dict(**wrapper, module=cfg.model)


def enable_crf(cfg: Config) -> None:
    """Put the config's dense CRF behind the network.

    Raises:
        UserError: The config has no parameters, or they are wrong, or the package is missing.
    """
    from mmdeeplab.inference.crf import PUBLISHED, build_crf, require_pydensecrf

    if not cfg.get('crf'):
        raise UserError(
            '--crf: this config names no CRF (v3 and v3+ have none); choose one of '
            f'{", ".join(PUBLISHED)}: --cfg-options crf.published=v2-r101'
        )
    build_crf(**cfg.crf)
    require_pydensecrf()
    cfg.model = dict(type='mmdeeplab.CRFRefined', module=cfg.model, crf=cfg.crf)


def write_metrics(out: Path, args: argparse.Namespace, result: dict) -> None:
    """``OUT/metrics.json``: the scores in percent and what they were measured with."""
    from mmdeeplab.engine.checkpoint import sha256

    keys = ('mIoU', 'mAcc', 'aAcc', 'per_class', 'num_images', 'absent', 'trimap')
    report = {key: result[key] for key in keys if key in result}
    report |= dict(
        config=Path(args.config).name,
        checkpoint=str(args.checkpoint),
        checkpoint_sha256=sha256(args.checkpoint),
        output_stride=args.output_stride,
        tta=args.tta,
        crf=args.crf,
        cfg_options=args.cfg_options,
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / 'metrics.json').write_text(json.dumps(report, indent=2) + '\n')


main = command(_parser, test)
