"""What stands around a network when it is used: several scales, windows, a CRF."""

import copy

from mmengine.config import Config

from mmdeeplab.config.protocols import preprocessor
from mmdeeplab.errors import UserError
from mmdeeplab.inference.crf import PUBLISHED, DenseCRF, build_crf, require_pydensecrf


def with_tta(cfg: Config) -> Config:
    """``cfg`` with its network wrapped for multi-scale and flipped inference."""
    wrapper = cfg.get('tta_model') or dict(type='mmdeeplab.MultiScaleFlip')
    return _wrapped(cfg, **wrapper)


def with_windows(
    cfg: Config,
    mode: str = 'auto',
    window: int | None = None,
    stride: int | None = None,
    blend: str = 'hann',
    labels_only: bool = False,
) -> Config:
    """``cfg`` with its network wrapped so that large images are cut into windows.

    Args:
        cfg: A config.
        mode: ``whole``, ``slide``, ``bands``, or ``auto``: see
            :class:`mmdeeplab.inference.sliding.SlidingWindows`.
        window: Side in pixels; what the config pads to without it.
        stride: Pixels between windows; two thirds of a window without it.
        blend: How overlapping windows are weighed.
        labels_only: Whether images that are not cut may do without their logits.

    Raises:
        UserError: Windows that leave gaps, or a size where none is used.
    """
    if mode in ('auto', 'whole') and (window or stride):
        raise UserError(f'--window and --stride need --mode slide or bands, not {mode}')
    if mode == 'whole':
        return cfg
    changed = copy.deepcopy(cfg)
    size = preprocessor(changed)
    padded = zip(size.get('test_size') or size['size'], size['size'], strict=True)
    sides = (window,) * 2 if window else tuple(map(max, padded))
    steps = (stride,) * 2 if stride else tuple(max(side * 2 // 3, 1) for side in sides)
    if min(sides + steps) < 1 or steps[0] > sides[0] or steps[1] > sides[1]:
        raise UserError(
            '--window and --stride must be positive and the stride no longer than the window, got '
            f'{window} and {stride}'
        )
    if mode != 'auto':
        size.test_size = sides  # a window is padded to its own size, not to an image's
    options = dict(mode=mode, window=sides, stride=steps, blend=blend, labels_only=labels_only)
    return _wrapped(changed, type='mmdeeplab.SlidingWindows', **options)


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


def with_crf(cfg: Config) -> Config:
    """``cfg`` with its dense CRF behind the network.

    Raises:
        UserError: As :func:`crf_of`.
    """
    crf_of(cfg)
    return _wrapped(cfg, type='mmdeeplab.CRFRefined', crf=cfg.crf)


def _wrapped(cfg: Config, **wrapper: object) -> Config:
    """``cfg`` with a wrapper's config around that of its network."""
    changed = copy.deepcopy(cfg)
    changed.model = dict(**wrapper, module=changed.model)
    # MMEngine hands a config's helper of this name to a wrapper, which replaces the network's own.
    changed.pop('data_preprocessor', None)
    return changed
