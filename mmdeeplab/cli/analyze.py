"""Print what a network costs and sees: parameters, multiply-adds, strides, rates, memory."""

from __future__ import annotations

import argparse
import json

from mmdeeplab.cli.common import add_overrides, command
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='analyze.py', description=__doc__)
    parser.add_argument('config', help='e.g. configs/deeplabv3plus_xception_voc.py')
    parser.add_argument(
        '--shape',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help='input in pixels (the size to which the config pads)',
    )
    parser.add_argument('--batch', type=int, default=1, metavar='N', help='images (%(default)s)')
    parser.add_argument(
        '--output-stride', type=int, metavar='N', help='8, 16 or 32: backbone and ASPP rates'
    )
    parser.add_argument('--json', action='store_true', help='for programs')
    add_overrides(parser)
    return parser


def analyze(args: argparse.Namespace) -> None:
    """Build the model without its weights and print its report.

    Raises:
        UserError: Config, shape or batch size do not give a network that runs.
    """
    options = ConfigOptions(args.cfg_options, output_stride=args.output_stride)
    cfg = load_config(args.config, options)
    import torch
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    from mmdeeplab.config.data import training_size
    from mmdeeplab.models.analysis import analyse, input_channels, render

    init_default_scope(cfg.default_scope)
    try:
        size = args.shape or training_size(cfg)
        if min(*size, args.batch) < 1:
            raise UserError(f'--shape and --batch must be positive, got {size} and {args.batch}')
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
        shape = (args.batch, input_channels(model), *size)
        report = dict(config=args.config, **analyse(model, shape))
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f'the model of {args.config} does not work: {error}') from error
    print(json.dumps(report, indent=2) if args.json else render(report))


main = command(_parser, analyze, loads=True)
