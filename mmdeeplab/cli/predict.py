"""Segment images and videos: files, folders or patterns; no data set, no ground truth."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import add_config_options, command
from mmdeeplab.cli.inference import add_inference_options, make_predictor, network_config
from mmdeeplab.config.load import quiet_imports
from mmdeeplab.console import one_line
from mmdeeplab.errors import UserError
from mmdeeplab.inference.save_formats import CALIBRATION, OVERLAY_FORMATS, SAVED, SCORES
from mmdeeplab.weights.resolve import Resolved, resolve

if TYPE_CHECKING:
    import numpy as np
    from mmengine.config import Config

CALIBRATED_BY = 8  # pictures by which int8 is calibrated, and both are checked


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='predict.py', description=__doc__)
    parser.add_argument(
        'input', nargs='+', help='images, videos, folders with all below, or patterns'
    )
    parser.add_argument(
        '--model',
        required=True,
        metavar='CONFIG|NAME',
        help='config of the network, or a published model: `weights.py list`',
    )
    parser.add_argument('--checkpoint', metavar='FILE', help="a config's weights, or a work dir")
    parser.add_argument(
        '--out',
        required=True,
        metavar='DIR',
        help='DIR/KIND/NAME.png; a folder in the input becomes one there',
    )
    parser.add_argument(
        '--save', default='masks,overlay', metavar='OUTPUTS', help=f'some of {",".join(SAVED)}'
    )
    parser.add_argument(
        '--overlay-format',
        default='png',
        choices=tuple(OVERLAY_FORMATS),
        help='jpeg: a quarter of the bytes, and less exact (%(default)s)',
    )
    parser.add_argument('--batch-size', type=int, default=1, metavar='N', help='images at a time')
    parser.add_argument('--device', default=None, help='cpu, cuda, cuda:1 (the best there is)')
    parser.add_argument('--overwrite', action='store_true', help='make again what is there')
    add_inference_options(parser)
    add_config_options(parser)
    return parser


def predict(args: argparse.Namespace) -> None:
    """Segment every input; those that cannot be segmented are listed at the end."""
    wanted = args.save.split(',')
    if unknown := sorted(set(wanted) - set(SAVED)):
        raise UserError(f'--save takes {",".join(SAVED)}, got {", ".join(unknown)}')
    if args.batch_size < 1:
        raise UserError(f'--batch-size must be at least 1, got {args.batch_size}')
    from mmdeeplab.inference.inputs import find_inputs, passed_over

    inputs, skipped = find_inputs(args.input)
    network = resolve(args.model, args.checkpoint)
    quiet_imports()
    from mmdeeplab.inference.annotations.files import join
    from mmdeeplab.inference.files import readable, segment_files
    from mmdeeplab.inference.images import reader
    from mmdeeplab.inference.outputs import Outputs

    keep_logits = bool(set(SCORES) & set(wanted))
    pictures = []
    if args.fast in ('bf16', 'int8'):
        pictures = readable(inputs, CALIBRATED_BY, reader(network_config(args, network)))
    predictor = make_predictor(args, network, keep_logits, pictures)
    settings = what_predictions_depend_on(args, network, predictor.cfg, pictures)
    folder, overlay_format = Path(args.out), args.overlay_format
    outputs = Outputs(folder, wanted, settings, args.overwrite, overlay_format=overlay_format)
    failed = segment_files(predictor, inputs, outputs, args.batch_size, passed_over(skipped))
    join(outputs.folder, wanted, predictor.classes)
    if failed:
        print('\n'.join(map(one_line, failed)), file=sys.stderr)
        raise UserError(f'inputs that could not be segmented: {len(failed)}, listed above')


def what_predictions_depend_on(
    args: argparse.Namespace, network: Resolved, cfg: Config, calibration: Sequence[np.ndarray]
) -> dict:
    """What predictions depend on: weights, network, options, calibration; for ``predict.json``."""
    from mmdeeplab.config.protocols import network_of
    from mmdeeplab.fileio.checksum import digest

    settings = repr((network_of(cfg).to_dict(), cfg.get('crf') if args.crf else None))
    return dict(
        model=Path(network.config).name,
        checkpoint_sha256=digest(network.checkpoint),
        tta=args.tta,
        crf=args.crf,
        windows=[args.mode, args.window, args.stride, args.blend],
        output_stride=args.output_stride,
        cfg_options=[*network.cfg_options, *args.cfg_options],
        fast=args.fast,
        network_sha256=hashlib.sha256(settings.encode()).hexdigest(),
        **({CALIBRATION: digest_of(calibration)} if calibration else {}),
    )


def digest_of(pictures: Sequence[np.ndarray]) -> str:
    """SHA-256 of the shapes and values of pictures."""
    import numpy as np

    hasher = hashlib.sha256()
    for picture in pictures:
        hasher.update(repr(picture.shape).encode())
        hasher.update(np.ascontiguousarray(picture).data)
    return hasher.hexdigest()


main = command(_parser, predict, loads=True)
