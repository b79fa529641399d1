"""Evaluate a checkpoint: every score of every class, intervals, pictures."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import (
    add_config_options,
    command,
    config_options,
    require_data,
    require_parts,
)
from mmdeeplab.cli.inference import add_inference_options, inference_options
from mmdeeplab.config.load import load_config, with_changes
from mmdeeplab.errors import UserError
from mmdeeplab.weights.resolve import find_checkpoint

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.model import BaseModel

    from mmdeeplab.engine.evaluation_config import EvaluationOptions
    from mmdeeplab.engine.runner import DeepLabRunner
    from mmdeeplab.evaluation.result import Evaluation, EvaluationResult


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='test.py', description=__doc__)
    parser.add_argument('config', help='e.g. configs/deeplabv3plus_xception_voc.py')
    parser.add_argument('checkpoint', help='.safetensors, .pth, or a work dir (its newest)')
    parser.add_argument('--out', metavar='DIR', help='write report.html, metrics.json, tables')
    parser.add_argument(
        '--save-masks',
        nargs='?',
        const='plain',
        choices=('plain', 'voc'),
        help="every predicted mask: OUT/masks/ID.png, or in the folders of VOC's test server",
    )
    parser.add_argument(
        '--protocol',
        metavar='NAME|all',
        help="one of the config's `protocols`, or each in turn into OUT/NAME (what is configured)",
    )
    parser.add_argument(
        '--trimap', nargs='+', type=int, metavar='PIXELS', help='mIoU in bands around the borders'
    )
    parser.add_argument(
        '--boundary',
        nargs='?',
        type=float,
        const=True,
        metavar='PART',
        help='Boundary IoU; its width as a part of the diagonal (0.02)',
    )
    add_inference_options(parser)
    parser.add_argument('--work-dir', metavar='DIR', help='logs (work_dirs/NAME of the config)')
    add_config_options(parser)
    return parser


def test(args: argparse.Namespace) -> None:
    """Evaluate a config under the protocols of the options; several are compared in a table."""
    cfg = load_config(args.config, config_options(args))
    require_parts(cfg, 'model', 'test_dataloader', 'test_cfg', 'test_evaluator')
    args.checkpoint = str(find_checkpoint(args.checkpoint))
    if args.save_masks and not args.out:
        raise UserError('--save-masks needs --out DIR')
    if args.fast:
        from mmengine.device import get_device

        from mmdeeplab.inference.accelerate.engine import require_precision

        require_precision(args.fast, get_device())
    require_data(cfg, 'test')
    from mmengine import dist

    from mmdeeplab.config.protocols import find_protocols

    names = find_protocols(cfg, args.protocol)
    folders = {n: Path(args.out, *[n] * (len(names) > 1)) if args.out else None for n in names}
    options = evaluation_options(args)
    configs = {n: with_changes(cfg, options.changes(n, out)) for n, out in folders.items()}
    results = {n: evaluate(configs[n], args, n, out) for n, out in folders.items()}
    if len(names) > 1 and dist.is_main_process():
        from mmdeeplab.evaluation.scores import compare, compare_scores

        has_intervals = all('intervals' in result for result in results.values())
        print(compare(results) if has_intervals else compare_scores(results))


def evaluation_options(args: argparse.Namespace) -> EvaluationOptions:
    """The options of this command, besides those of every config."""
    from mmdeeplab.engine.evaluation_config import EvaluationOptions

    return EvaluationOptions(
        name=Path(args.config).stem,
        checkpoint=args.checkpoint,
        inference=inference_options(args),
        work_dir=args.work_dir,
        trimap=args.trimap,
        boundary=args.boundary,
        save_masks=args.save_masks,
    )


def evaluate(cfg: Config, args: argparse.Namespace, protocol: str, out: Path | None) -> dict:
    """Build the Runner, evaluate, write the report; return the result."""
    from mmengine import dist

    from mmdeeplab.engine.runner import DeepLabRunner
    from mmdeeplab.evaluation.evaluator import as_evaluation

    runner = DeepLabRunner.from_cfg(cfg)
    evaluation = as_evaluation(runner.test_evaluator, runner.test())
    facts: dict = dict(protocol=protocol)
    if args.fast:
        facts |= what_ran(runner.model, args.fast)
    if dist.is_main_process():
        tell(runner, evaluation)
        if out:
            metrics = write_metrics(out, args, evaluation.as_dict() | facts)
            write_report(runner, out, metrics, evaluation.result)
    return evaluation.as_dict() | facts


def tell(runner: DeepLabRunner, evaluation: Evaluation) -> None:
    """Log the scores of metrics that are not ours, and names that several metrics share."""
    from mmdeeplab.evaluation.evaluator import collision, line

    if scores := evaluation.as_dict().get('scores'):
        runner.logger.info(f'scores: {line(scores)}')
    if evaluation.collisions:
        runner.logger.warning(f'test_evaluator: {collision(evaluation.collisions)}')


def write_report(
    runner: DeepLabRunner, out: Path, metrics: dict, result: EvaluationResult | None
) -> None:
    """Write the report's page and pictures beside ``OUT/metrics.json``, if our metric was used."""
    if result is not None:
        from mmdeeplab.report.run import report

        report(runner, out, metrics, result.predictions)
        runner.logger.info(f'report: {out}/report.html; numbers: {out}/metrics.json')
    else:
        runner.logger.info(
            f'scores: {out}/metrics.json; there is no page, pictures or intervals, which need '
            "dict(type='mmdeeplab.SegMetric') in test_evaluator"
        )


def what_ran(model: BaseModel, allowed: bool | str) -> dict:
    """For ``metrics.json``: the engines of all ranks, their lowest precision, the allowed one."""
    from mmengine import dist

    from mmdeeplab.inference.accelerate import engines_used
    from mmdeeplab.inference.accelerate.engine import precision

    names = sorted(set().union(*dist.all_gather_object(engines_used(model))))
    return dict(fast=precision(names), fast_allowed=allowed, engines=names)


def write_metrics(out: Path, args: argparse.Namespace, result: dict) -> dict:
    """Write ``OUT/metrics.json``: the scores in percent, and what they were measured with."""
    from mmdeeplab.evaluation.result import to_json
    from mmdeeplab.fileio.checksum import digest

    report = result | dict(
        config=Path(args.config).name,
        checkpoint=str(args.checkpoint),
        checkpoint_sha256=digest(args.checkpoint),
        output_stride=args.output_stride,
        **asdict(inference_options(args)) | ({'fast': result['fast']} if args.fast else {}),
        cfg_options=args.cfg_options,
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / 'metrics.json').write_text(to_json(report) + '\n')
    return report


main = command(_parser, test, loads=True)
