"""What stands around a network when it is used: several scales, windows, a CRF."""

from mmengine.config import Config

from mmdeeplab.config.protocols import preprocessor
from mmdeeplab.errors import UserError
from mmdeeplab.inference.crf import PUBLISHED, DenseCRF, build_crf, require_pydensecrf


def enable_tta(cfg: Config) -> None:
    """Wrap the network for multi-scale and flipped inference."""
    wrapper = cfg.get('tta_model') or dict(type='mmdeeplab.MultiScaleFlip')
    _wrap(cfg, **wrapper)


def enable_windows(
    cfg: Config,
    mode: str = 'auto',
    window: int | None = None,
    stride: int | None = None,
    blend: str = 'hann',
) -> None:
    """Wrap the network so that large images are cut into windows.

    Args:
        cfg: The config; its model is wrapped.
        mode: ``whole``, ``slide``, ``bands``, or ``auto``: see
            :class:`mmdeeplab.inference.sliding.SlidingWindows`.
        window: Side in pixels; what the config pads to without it.
        stride: Pixels between windows; two thirds of a window without it.
        blend: How overlapping windows are weighed.

    Raises:
        UserError: Windows that leave gaps, or a size where none is used.
    """
    if mode in ('auto', 'whole') and (window or stride):
        raise UserError(f'--window and --stride need --mode slide or bands, not {mode}')
    if mode == 'whole':
        return
    size = preprocessor(cfg)
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
    options = dict(mode=mode, window=sides, stride=steps, blend=blend)
    _wrap(cfg, type='mmdeeplab.SlidingWindows', **options)


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
    _wrap(cfg, type='mmdeeplab.CRFRefined', crf=cfg.crf)


def _wrap(cfg: Config, **wrapper: object) -> None:
    cfg.model = dict(**wrapper, module=cfg.model)
    # MMEngine hands a config's helper of this name to a wrapper, which replaces the network's own.
    cfg.pop('data_preprocessor', None)
