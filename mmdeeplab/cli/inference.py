"""What evaluation and prediction share: the checkpoint, several scales, the CRF."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import load_config
from mmdeeplab.weights.resolve import resolve

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdeeplab.inference.images import Picture
    from mmdeeplab.inference.predictor import DeepLabPredictor


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """``--tta``, ``--crf``, ``--fast`` and how large images are cut."""
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
        help='on a CPU, by the fastest engine: the same labels but for ties in the last bits, or '
        'allow a lower precision; on a GPU folded, or in bf16',
    )


def inference_options(args: argparse.Namespace) -> dict:
    """What :func:`add_inference_options` has read, by name."""
    names = ('tta', 'crf', 'mode', 'window', 'stride', 'blend', 'fast')
    return {name: getattr(args, name) for name in names}


def wrap_for_inference(cfg: Config, args: argparse.Namespace) -> None:
    """Put what the options ask for around the network of ``cfg``."""
    from mmdeeplab.inference.wrap import enable_crf, enable_tta, enable_windows

    if args.tta:
        enable_tta(cfg)
    enable_windows(cfg, args.mode, args.window, args.stride, args.blend)
    if args.crf:
        enable_crf(cfg)


def load_model(args: argparse.Namespace) -> tuple[Config, Path]:
    """The config and the weights that ``args.model`` and ``args.checkpoint`` stand for.

    Afterwards ``args.model`` is the config, and ``args.cfg_options`` starts with what makes it fit.

    Raises:
        UserError: As :func:`mmdeeplab.weights.resolve.resolve` and
            :func:`mmdeeplab.cli.common.load_config`.
    """
    args.model, options, checkpoint = resolve(args.model, args.checkpoint)
    args.cfg_options = [*options, *args.cfg_options]
    return load_config(args.model, args), checkpoint


def make_predictor(
    cfg: Config,
    checkpoint: Path,
    args: argparse.Namespace,
    keep_logits: bool,
    calibration: Iterable[Picture] = (),
) -> DeepLabPredictor:
    """The network with what the options ask for around it, on ``args.device``."""
    from mmdeeplab.inference.predictor import DeepLabPredictor

    return DeepLabPredictor(
        cfg,
        checkpoint,
        args.device,
        keep_logits=keep_logits,
        calibration=calibration,
        **inference_options(args),
    )
