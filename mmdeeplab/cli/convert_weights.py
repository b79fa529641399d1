"""Bring weights of another project into a model of ours; docs/weights.md has every source."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmdeeplab.cli.common import add_overrides, command
from mmdeeplab.config.load import quiet_imports
from mmdeeplab.errors import UserError
from mmdeeplab.weights.convert import PICKLED, SOURCES, Conversion, convert, write

TRUST = (
    '--trust: %s is unpickled without restrictions; code that someone put into it runs now, with '
    'all that you may do on this machine'
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='convert_weights.py', description=__doc__)
    parser.add_argument('source', choices=SOURCES, help='where the weights come from')
    parser.add_argument(
        'input',
        help='TF checkpoint prefix (DIR/model.ckpt) or frozen .pb, .tflite, .caffemodel, .pth, '
        '.bin, .safetensors, .npz of arrays',
    )
    parser.add_argument('output', help='.safetensors, or .pth')
    parser.add_argument(
        '--config', '--cfg', help='the model to fill (by default the one that the weights are of)'
    )
    parser.add_argument(
        '--classes', metavar='FILE|NAME', help='names of the classes: one a line, or voc, ade, ...'
    )
    parser.add_argument('--licence', metavar='TEXT', help='licence of the weights, to be kept')
    parser.add_argument(
        '--check',
        nargs='?',
        const='',
        metavar='PICTURE',
        help="run the other project's network beside ours, on a picture (on noise)",
    )
    add_overrides(parser)
    parser.add_argument(
        '--trust',
        action='store_true',
        help='load a pickled file that torch refuses because it could run code: it may run it',
    )
    parser.add_argument('--output-stride', type=int, metavar='N', help=argparse.SUPPRESS)
    return parser


def convert_weights(args: argparse.Namespace) -> None:
    """Read and convert weights, write them, and compare the two networks if asked to."""
    output = Path(args.output)
    if output.suffix not in ('.safetensors', '.pth'):
        raise UserError(f'OUT must end in .safetensors or .pth, got {args.output}')
    quiet_imports()
    if args.trust:
        require_pickled(args.source)
        print(TRUST % args.input, file=sys.stderr, flush=True)
    converted = convert(
        Conversion(
            source=args.source,
            input=Path(args.input),
            config=args.config,
            cfg_options=args.cfg_options,
            output_stride=args.output_stride,
            classes=args.classes,
            licence=args.licence,
            trust=args.trust,
        )
    )
    write(output, converted.state, converted.metadata)
    for line in converted.summary(args.output):
        print(line)
    if args.check is not None:
        from mmdeeplab.weights.parity import report

        for line in report(converted, args.source, Path(args.input), args.check or None):
            print(line)


def require_pickled(source: str) -> None:
    """Refuse ``--trust`` for sources whose files contain no code.

    Raises:
        UserError: The source is one of them.
    """
    if source not in PICKLED:
        raise UserError(f'--trust has no use with {source}: such files hold no code')


main = command(_parser, convert_weights)
