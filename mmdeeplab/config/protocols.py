"""The ``protocols`` of a config: named ways to load and pad images for an evaluation."""

import copy

from mmengine.config import Config, ConfigDict

from mmdeeplab.errors import UserError

CUSTOM = 'custom'


def find_protocols(cfg: Config, name: str | None) -> list[str]:
    """The protocols to evaluate under.

    Args:
        cfg: The config.
        name: A protocol, or ``all``; None for the configured one.

    Raises:
        UserError: The config has no protocol of this name.
    """
    names = list(cfg.get('protocols') or {})
    if name is None:
        return [configured_protocol(cfg)]
    if name != 'all' and name not in names:
        choices = ', '.join([*names, 'all'] if names else ['none; add `protocols` to the config'])
        raise UserError(f'--protocol must be one of {choices}, got {name!r}')
    if not names:
        raise UserError('--protocol all: this config has no `protocols`')
    return names if name == 'all' else [name]


def configured_protocol(cfg: Config) -> str:
    """The protocol that the test settings of ``cfg`` are equal to; "custom" if to none."""
    pipeline = ((cfg.get('test_dataloader') or {}).get('dataset') or {}).get('pipeline')
    padding = network_of(cfg).get('data_preprocessor') or {}
    size = padding.get('test_size') or padding.get('size')
    for name, protocol in (cfg.get('protocols') or {}).items():
        if protocol.pipeline == pipeline and tuple(protocol.test_size) == tuple(size or ()):
            return name
    return CUSTOM


def with_protocol(cfg: Config, name: str) -> Config:
    """``cfg`` with the test settings of one of its protocols; unchanged for "custom"."""
    changed = copy.deepcopy(cfg)
    if name != CUSTOM:
        protocol = changed.protocols[name]
        changed.test_dataloader.dataset.pipeline = protocol.pipeline
        preprocessor(changed).test_size = tuple(protocol.test_size)
    return changed


def preprocessor(cfg: Config) -> ConfigDict:
    """The config of the network's data preprocessor, also inside wrappers."""
    return network_of(cfg).data_preprocessor


def network_of(cfg: Config) -> ConfigDict:
    """The config of the network inside its wrappers for several scales, windows or a CRF."""
    model = cfg.model
    while 'module' in model:
        model = model.module
    return model
