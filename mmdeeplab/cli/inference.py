"""Shared options of evaluation and prediction: scales, CRF, windows, fast engine."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import config_options
from mmdeeplab.config.load import load_config
from mmdeeplab.inference.options import InferenceOptions
from mmdeeplab.weights.resolve import Resolved

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdeeplab.config.options import ConfigOptions
    from mmdeeplab.inference.images import Picture
    from mmdeeplab.inference.predictor import DeepLabPredictor


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--tta``, ``--crf``, ``--fast``, and the options for cutting large images."""
    parser.add_argument(
        '--tta', action='store_true', help='six scales and their mirrors, as in the papers'
    )
    parser.add_argument(
        '--crf', action='store_true', help="dense CRF behind the network, with the config's `crf`"
    )
    parser.add_argument(
        '--mode',
        choices=('auto', 'whole', 'slide', 'bands'),
        default='auto',
        help='images as a whole, by overlapping windows, or by windows in bands that hold labels '
        'only; auto: whole, and bands when scores would take over 1 GiB (%(default)s)',
    )
    parser.add_argument('--window', type=int, metavar='N', help='side (what the config pads to)')
    parser.add_argument('--stride', type=int, metavar='N', help='between windows (2/3 of a window)')
    parser.add_argument(
        '--blend', choices=('hann', 'gaussian', 'uniform'), default='hann', help='(%(default)s)'
    )
    parser.add_argument(
        '--fast',
        nargs='?',
        const=True,
        default=False,
        choices=(True, 'bf16', 'int8'),
        metavar='bf16|int8',
        help='on a CPU, by OpenVINO: the same labels but for ties in the last bits, or allow a '
        'lower precision; on a GPU folded, or in bf16',
    )


def inference_options(args: argparse.Namespace) -> InferenceOptions:
    """The parsed options of :func:`add_inference_options`."""
    return InferenceOptions(
        tta=args.tta,
        crf=args.crf,
        mode=args.mode,
        window=args.window,
        stride=args.stride,
        blend=args.blend,
        fast=args.fast,
    )


def network_config(args: argparse.Namespace, network: Resolved) -> Config:
    """The config of a network, changed by the options."""
    return load_config(network.config, _options(args, network))


def _options(args: argparse.Namespace, network: Resolved) -> ConfigOptions:
    settings = [*network.cfg_options, *args.cfg_options]
    return replace(config_options(args), cfg_options=settings)


def make_predictor(
    args: argparse.Namespace,
    network: Resolved,
    keep_logits: bool,
    calibration: Iterable[Picture] = (),
) -> DeepLabPredictor:
    """Make a predictor from the options, on ``args.device``.

    Args:
        args: The options of :func:`add_inference_options` and of every config.
        network: The config with its settings, and the weights.
        keep_logits: Whether results keep their scores.
        calibration: Pictures by which int8 is calibrated, and on which int8 and bf16 are compared
            with the plain network.
    """
    from mmdeeplab.inference.predictor import DeepLabPredictor

    return DeepLabPredictor(
        network.config,
        network.checkpoint,
        args.device,
        keep_logits=keep_logits,
        calibration=calibration,
        options=_options(args, network),
        **asdict(inference_options(args)),
    )
