"""Wrap the network of a config for inference: several scales, windows, a CRF."""

import copy
from collections.abc import Iterable, Iterator, Mapping

from mmengine.config import Config
from mmseg.models.segmentors import EncoderDecoder

from mmdeeplab.config.data import type_name
from mmdeeplab.config.protocols import network_of, preprocessor
from mmdeeplab.config.registered import find_class
from mmdeeplab.errors import UserError
from mmdeeplab.inference.crf import PUBLISHED, DenseCRF, build_crf, require_pydensecrf


def with_tta(cfg: Config) -> Config:
    """``cfg`` with its network wrapped for multi-scale and flipped inference.

    In the place of mmsegmentation's ``SegTTAModel``, which takes views that ``tta_pipeline`` makes,
    the views are made here, of the scales in that pipeline.
    """
    wrapper = dict(cfg.get('tta_model') or dict(type='mmdeeplab.MultiScaleFlip'))
    if type_name(wrapper['type']) == 'SegTTAModel':
        wrapper = dict(type='mmdeeplab.MultiScaleFlip')
        if scales := [*_scales(cfg.get('tta_pipeline'))]:
            wrapper['scales'] = scales
    return _wrapped(cfg, **wrapper)


def _scales(node: object) -> Iterator[float]:
    """The numbers that are a ``scale_factor`` in a pipeline, in order."""
    if isinstance(node, Mapping) and isinstance(node.get('scale_factor'), (int, float)):
        yield node['scale_factor']
    parts = node.values() if isinstance(node, Mapping) else node
    for part in parts if isinstance(parts, Iterable) and not isinstance(parts, str) else ():
        yield from _scales(part)


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
        window: Side of a window in pixels; by default the size that the config pads to.
        stride: Pixels from one window to the next; by default two thirds of a window.
        blend: How overlapping windows are weighted.
        labels_only: Whether results of images that are not cut may lack their logits.

    Raises:
        UserError: The windows leave gaps, a window is given for a mode without windows, none where
            the config pads to no size, or the network is no ``EncoderDecoder``.
    """
    if mode in ('auto', 'whole') and (window or stride):
        raise UserError(f'--window and --stride need --mode slide or bands, not {mode}')
    if mode == 'whole':
        return cfg
    if not _is_encoder_decoder(cfg):
        if mode == 'auto':
            return cfg
        raise UserError(f'--mode {mode} needs an EncoderDecoder, not a {network_of(cfg).type}')
    changed = copy.deepcopy(cfg)
    settings = preprocessor(changed)
    size = settings.get('size')
    if not size and not window:
        if mode == 'auto':  # no size of windows is known
            return cfg
        raise UserError(f'--mode {mode}: the config pads images to no size: give --window N')
    padded = zip(settings.get('test_size') or size or (), size or (), strict=True)
    sides = (window,) * 2 if window else tuple(map(max, padded))
    steps = (stride,) * 2 if stride else tuple(max(side * 2 // 3, 1) for side in sides)
    if min(sides + steps) < 1 or steps[0] > sides[0] or steps[1] > sides[1]:
        raise UserError(
            '--window and --stride must be positive and the stride no longer than the window, got '
            f'{window} and {stride}'
        )
    if mode != 'auto':
        settings.test_size = sides  # windows are padded to their own size, not to that of an image
    options = dict(mode=mode, window=sides, stride=steps, blend=blend, labels_only=labels_only)
    return _wrapped(changed, type='mmdeeplab.SlidingWindows', **options)


def _is_encoder_decoder(cfg: Config) -> bool:
    """Whether the network has backbone and head; a user's own segmentor may have neither."""
    network = network_of(cfg)
    cls = find_class(network.type, ('model',), network.get('_scope_'))
    return not isinstance(cls, type) or issubclass(cls, EncoderDecoder)


def crf_of(cfg: Config) -> DenseCRF:
    """The dense CRF of a config, ready to run.

    Raises:
        UserError: The config has no ``crf``, its parameters are wrong, or the package is missing.
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
    """``cfg`` with its network wrapped so that the config's dense CRF refines predictions.

    Raises:
        UserError: The config has no ``crf``, its parameters are wrong, or the package is missing.
    """
    crf_of(cfg)
    return _wrapped(cfg, type='mmdeeplab.CRFRefined', crf=cfg.crf)


def _wrapped(cfg: Config, **wrapper: object) -> Config:
    """``cfg`` with its network inside a wrapper, which ``wrapper`` configures."""
    changed = copy.deepcopy(cfg)
    changed.model = dict(**wrapper, module=changed.model)
    # MMEngine hands a config's helper of this name to a wrapper, which replaces the network's own.
    changed.pop('data_preprocessor', None)
    return changed
