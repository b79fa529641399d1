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
    """``--tta`` and ``--crf``."""
    parser.add_argument(
        '--tta', action='store_true', help='six scales and their mirrors, as in the papers'
    )
    parser.add_argument(
        '--crf', action='store_true', help="dense CRF behind the network, with the config's `crf`"
    )


def wrap_for_inference(cfg: Config, args: argparse.Namespace) -> None:
    """Put what the options ask for around the network of ``cfg``."""
    from mmdeeplab.inference.wrap import enable_crf, enable_tta

    if args.tta:
        enable_tta(cfg)
    if args.crf:
        enable_crf(cfg)


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
