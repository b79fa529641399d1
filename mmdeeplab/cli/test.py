"""Evaluate a checkpoint: per-class IoU and accuracy, mIoU, pictures."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from mmdeeplab.cli.common import (
    add_config_options,
    command,
    load_config,
    require_data,
)
from mmdeeplab.cli.inference import add_inference_options, find_checkpoint, wrap_for_inference


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='test.py', description=__doc__)
    parser.add_argument('config', help='e.g. configs/deeplabv3plus_xception_voc.py')
    parser.add_argument(
        'checkpoint', help='.pth of training, .safetensors, or a work dir (its newest)'
    )
    parser.add_argument('--out', metavar='DIR', help='write metrics.json and pictures')
    add_inference_options(parser)
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
    wrap_for_inference(cfg, args)
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


def write_metrics(out: Path, args: argparse.Namespace, result: dict) -> None:
    """``OUT/metrics.json``: the scores in percent and what they were measured with."""
    from mmdeeplab.engine.checkpoint import sha256

    report = result | dict(
        config=Path(args.config).name,
        checkpoint=str(args.checkpoint),
        checkpoint_sha256=sha256(args.checkpoint),
        output_stride=args.output_stride,
        tta=args.tta,
        crf=args.crf,
        cfg_options=args.cfg_options,
    )
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2)
    text = re.sub(r'\[\n[^][{}"]*\]', lambda row: ' '.join(row[0].split()), text)  # rows of numbers
    (out / 'metrics.json').write_text(text + '\n')


main = command(_parser, test)
