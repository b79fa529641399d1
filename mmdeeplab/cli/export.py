"""Export a trained network, and keep the file only if its own runtime gives the same results."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import add_config_options, command, config_options
from mmdeeplab.config.load import load_config
from mmdeeplab.errors import UserError
from mmdeeplab.weights.resolve import find_checkpoint

if TYPE_CHECKING:
    from mmdeeplab.config.pixels import Pixels
    from mmdeeplab.export.run import ExportResult, ExportSpec

FORMAT_NAMES = ('onnx', 'openvino', 'pt2', 'torchscript')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='export.py', description=__doc__)
    parser.add_argument('config', help='e.g. configs/deeplabv3_mobilenetv2-coral_voc.py')
    parser.add_argument('checkpoint', help='.safetensors, .pth, or a work dir (its newest)')
    parser.add_argument('--format', choices=FORMAT_NAMES, required=True)
    parser.add_argument(
        '--verify',
        metavar='DATA',
        required=True,
        help="a folder in VOC's layout (its test split), or pictures, which tell no mIoU",
    )
    parser.add_argument('--images', type=int, default=20, metavar='N', help='of DATA (%(default)s)')
    parser.add_argument('--out', metavar='FILE', help='(the name of the config, here)')
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument('--dynamic', action='store_true', help='any batch and any size')
    shape.add_argument(
        '--size', nargs=2, type=int, metavar=('H', 'W'), help='(what the config pads to)'
    )
    parser.add_argument('--with-processing', action='store_true', help='pictures in, labels out')
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument('--half', action='store_true', help='float16')
    precision.add_argument(
        '--int8', action='store_true', help='calibrated; layers that cost too much stay in float'
    )
    parser.add_argument(
        '--calibrate',
        metavar='DATA',
        help='--int8: calibrate on its training split, or on pictures (what --verify takes)',
    )
    parity = parser.add_argument_group(
        'the parity check: 0.1, 0.5 and 1 point of mIoU in float, half, int8'
    )
    parity.add_argument('--max-drop', type=float, metavar='POINTS', help='of mIoU')
    parity.add_argument(
        '--min-agreement', type=float, metavar='SHARE', help='of labels (0.999, 0.99, 0.95)'
    )
    parity.add_argument(
        '--max-difference',
        type=float,
        metavar='PART',
        help='of a logit, in parts of the largest (0.001, 0.1, any)',
    )
    add_config_options(parser)
    return parser


def export(args: argparse.Namespace) -> None:
    """Export the network; the exit status is 1 if the parity check is not passed."""
    cfg = load_config(args.config, config_options(args))
    checkpoint = find_checkpoint(args.checkpoint)
    from mmdeeplab.checkpoint.fine_tune import class_names
    from mmdeeplab.config.pixels import evaluated_pixels
    from mmdeeplab.export.formats import FORMATS
    from mmdeeplab.export.graph import preprocessor_of
    from mmdeeplab.export.run import describe_network
    from mmdeeplab.export.run import export as make
    from mmdeeplab.export.samples import read_samples
    from mmdeeplab.inference.build import load_segmentor

    FORMATS[args.format].module(args.format)  # reports missing packages before anything is loaded
    if args.calibrate and not args.int8:
        raise UserError('--calibrate needs --int8')
    model, loaded = load_segmentor(cfg, checkpoint, 'cpu')
    height, width = preprocessor_of(model).test_size
    spec = read_spec(args, (height, width), evaluated_pixels(cfg))
    read = partial(
        read_samples, cfg, count=args.images, num_classes=model.num_classes,
        names=class_names(loaded),
    )  # fmt: skip
    samples = read(data=Path(args.verify))
    calibration = read(data=Path(args.calibrate), split='train') if args.calibrate else []
    metadata = describe_network(cfg, args.config, checkpoint, loaded, model, spec)
    result = make(spec, model, metadata, samples, calibration)
    report(result, FORMATS[args.format].runtime)
    if result.parity.faults:
        for fault in result.parity.faults:
            print(f'parity check not passed: {fault}', file=sys.stderr)
        print(f'nothing was written to {spec.out}', file=sys.stderr)
        raise SystemExit(1)


def read_spec(
    args: argparse.Namespace, padded: tuple[int, int], pixels: Pixels | None
) -> ExportSpec:
    """What is to be exported, by the options.

    Raises:
        UserError: A size or a limit is not possible.
    """
    from mmdeeplab.export.formats import FORMATS
    from mmdeeplab.export.run import ExportSpec
    from mmdeeplab.inference.accelerate.parity import TOLERANCES

    precision = 'half' if args.half else 'int8' if args.int8 else 'float'
    options = dict(drop=args.max_drop, agreement=args.min_agreement, difference=args.max_difference)
    limits = {name: value for name, value in options.items() if value is not None}
    if not 0 <= limits.get('agreement', 0) <= 1:
        raise UserError(f'--min-agreement must be between 0 and 1, got {args.min_agreement}')
    if args.size and min(args.size) < 1:
        raise UserError(f'--size must be positive, got {args.size[0]} {args.size[1]}')
    row = FORMATS[args.format]
    out = Path(args.out or Path(args.config).stem + row.suffix)
    if out.suffix != row.suffix:
        raise UserError(f'--out of {args.format} ends in {row.suffix}, got {out}')
    computed_in = row.half if precision == 'half' else precision
    return ExportSpec(
        args.format,
        precision,
        size=None if args.dynamic else tuple(args.size or padded),
        processing=args.with_processing,
        tolerance=TOLERANCES[computed_in]._replace(**limits),
        out=out,
        pixels=pixels,
    )


def report(result: ExportResult, runtime: str) -> None:
    """Print the result of the parity check and the files that were kept."""
    from mmdeeplab.inference.accelerate.parity import describe

    print(describe(result.parity, runtime))
    if result.in_float and not result.parity.faults:
        print(f'left in float, {len(result.in_float)} of {result.layers} layers:')
        print('\n'.join(f'  {layer}' for layer in result.in_float))
    for file in result.files:
        print(f'{file}: {file.stat().st_size / 2**20:.1f} MiB')


main = command(_parser, export, loads=True)
