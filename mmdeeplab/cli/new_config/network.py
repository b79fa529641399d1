"""Choose the shipped config to inherit from, and find what of its network depends on the data."""

import re
from dataclasses import dataclass

from mmengine.config import Config, ConfigDict

from mmdeeplab.config.shipped import config_names, config_path
from mmdeeplab.errors import UserError

_NAME = re.compile(r'(?:deeplab(?P<version>v\w+)|(?P<other>lraspp))_(?P<backbone>[^_]+)_voc')


@dataclass(frozen=True)
class Network:
    """A shipped config for PASCAL VOC.

    Attributes:
        name: Name of the config.
        crop_index: Index of the crop in its training pipeline.
        norms: Parts with BatchNorm that trains: some of backbone, neck, decode_head.
    """

    name: str
    crop_index: int
    norms: tuple[str, ...]


def find_network(version: str, backbone: str) -> Network:
    """The network of a DeepLab version on a backbone.

    Raises:
        UserError: There is no such config; it names those that exist.
    """
    configs = available()
    if version not in configs:
        raise UserError(f'--version is one of {", ".join(configs)}, got {version}')
    if backbone not in configs[version]:
        versions = [other for other, backbones in configs.items() if backbone in backbones]
        hint = f'; {backbone} goes with --version {" or ".join(versions)}' if versions else ''
        names = ', '.join(configs[version])
        raise UserError(f'--backbone of {version} is one of {names}; got {backbone}{hint}')
    name = configs[version][backbone]
    cfg = Config.fromfile(config_path(name))
    (crop,) = (i for i, step in enumerate(cfg.train_pipeline) if 'crop_size' in step)
    return Network(name, crop, norms(cfg.model))


def available() -> dict[str, dict[str, str]]:
    """Names of the configs, by version and backbone."""
    configs: dict[str, dict[str, str]] = {}
    for name in config_names():
        if match := _NAME.fullmatch(name):
            version = match['version'] or match['other']
            configs.setdefault(version, {})[match['backbone']] = name
    return configs


def norms(model: ConfigDict) -> tuple[str, ...]:
    """The parts of a model that have BatchNorm which trains."""
    parts = ((key, model.get(key) or {}) for key in ('backbone', 'neck', 'decode_head'))
    return tuple(
        key
        for key, part in parts
        if part.get('norm_cfg') and part['norm_cfg'].get('requires_grad', True)
    )
