"""What evaluation and prediction share: the checkpoint, several scales, the CRF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import newest_checkpoint
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """``--tta``, ``--crf`` and how large images are cut."""
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


def wrap_for_inference(cfg: Config, args: argparse.Namespace) -> None:
    """Put what the options ask for around the network of ``cfg``."""
    if args.tta:
        enable_tta(cfg)
    enable_windows(cfg, args)
    if args.crf:
        enable_crf(cfg)
    if 'module' in cfg.model:
        # MMEngine would hand it to the wrapper, which would put it in place of the network's own
        cfg.pop('data_preprocessor', None)


def find_checkpoint(wish: str) -> Path:
    """A checkpoint file, the newest one of a folder, or a name that ``weights.py get`` has fetched.

    Raises:
        UserError: There is none.
    """
    path = Path(wish)
    if not path.exists() and path.name == wish:
        from mmdeeplab.weights.catalogue import Cache, load

        if cached := Cache().verified(wish):
            return cached
        if wish in [row.name for row in load()]:
            raise UserError(f'{wish} is not here yet: tools/weights.py get {wish}')
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


def enable_windows(cfg: Config, args: argparse.Namespace) -> None:
    """Wrap the network so that large images are cut into windows.

    Raises:
        UserError: Windows that leave gaps, or a size where none is used.
    """
    if args.mode in ('auto', 'whole') and (args.window or args.stride):
        raise UserError(f'--window and --stride need --mode slide or bands, not {args.mode}')
    if args.mode == 'whole':
        return
    from mmdeeplab.engine.protocols import preprocessor

    size = preprocessor(cfg)
    padded = zip(size.get('test_size') or size['size'], size['size'], strict=True)
    window = (args.window,) * 2 if args.window else tuple(map(max, padded))
    stride = (args.stride,) * 2 if args.stride else tuple(max(side * 2 // 3, 1) for side in window)
    if min(window + stride) < 1 or stride[0] > window[0] or stride[1] > window[1]:
        raise UserError(
            f'--window and --stride must be positive and the stride no longer than the window, got '
            f'{args.window} and {args.stride}'
        )
    if args.mode != 'auto':
        size.test_size = window  # a window is padded to its own size, not to an image's
    options = dict(mode=args.mode, window=window, stride=stride, blend=args.blend)
    cfg.model = dict(type='mmdeeplab.SlidingWindows', module=cfg.model, **options)


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
