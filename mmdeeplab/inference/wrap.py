"""What stands around a network when it is used: several scales, a CRF."""

from mmengine.config import Config

from mmdeeplab.errors import UserError
from mmdeeplab.inference.crf import PUBLISHED, DenseCRF, build_crf, require_pydensecrf


def enable_tta(cfg: Config) -> None:
    """Wrap the network for multi-scale and flipped inference."""
    wrapper = cfg.get('tta_model') or dict(type='mmdeeplab.MultiScaleFlip')
    cfg.model = dict(**wrapper, module=cfg.model)


def crf_of(cfg: Config) -> DenseCRF:
    """The config's dense CRF, ready to run.

    Raises:
        UserError: The config has no parameters, or they are wrong, or the package is missing.
    """
    if not cfg.get('crf'):
        raise UserError(
            '--crf: this config names no CRF (v3 and v3+ have none); choose one of '
            f'{", ".join(PUBLISHED)}: --cfg-options crf.published=v2-r101'
        )
    crf = build_crf(**cfg.crf)
    require_pydensecrf()
    return crf


def enable_crf(cfg: Config) -> None:
    """Put the config's dense CRF behind the network."""
    crf_of(cfg)
    cfg.model = dict(type='mmdeeplab.CRFRefined', module=cfg.model, crf=cfg.crf)
