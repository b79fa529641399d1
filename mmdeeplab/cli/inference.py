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
    if args.tta:
        enable_tta(cfg)
    if args.crf:
        enable_crf(cfg)


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
            f'no checkpoint at {wish}; training writes work_dirs/NAME/iter_N.safetensors, '
            'tools/convert_weights.py imports published ones'
        )
    return found


def enable_tta(cfg: Config) -> None:
    """Wrap the network for multi-scale and flipped inference."""
    wrapper = cfg.get('tta_model') or dict(type='mmdeeplab.MultiScaleFlip')
    cfg.model = dict(**wrapper, module=cfg.model)


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
