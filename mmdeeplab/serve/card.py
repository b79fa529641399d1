"""The description of the network on the page: version, backbone, size."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import nn

from mmdeeplab.config.data import type_name
from mmdeeplab.config.known_keys import default_of
from mmdeeplab.config.protocols import network_of
from mmdeeplab.inference.predictor import DeepLabPredictor

BY_HEAD = dict(DeepLabV3PlusHead='DeepLabv3+', LRASPPHead='LR-ASPP', ASPPV2Head='DeepLabv2')
BACKBONES = dict(AtrousResNet='ResNet', AtrousVGG16='VGG-16')


class NetworkCard(NamedTuple):
    """The description of a network, which the page shows above the picture.

    Attributes:
        name: The config or the published model, as given to the command.
        title: Version and backbone.
        facts: Further facts, each a phrase.
    """

    name: str
    title: str
    facts: tuple[str, ...] = ()


def card_of(predictor: DeepLabPredictor, name: str) -> NetworkCard:
    """The description of a predictor's network."""
    model = network_of(predictor.cfg)
    count = sum(weight.numel() for weight in trainable(predictor.model))
    stride = model.backbone.get('output_stride')
    facts = [f'{count / 1e6:.1f} million weights']
    if stride:
        facts.append(f'output stride {stride}')
    if predictor.licence != 'unknown':
        facts.append(f'licence {predictor.licence}')
    return NetworkCard(name, f'{version(model)} on {backbone(model.backbone)}', tuple(facts))


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of a network, without those of auxiliary heads, which only training needs."""
    return [w for key, w in model.named_parameters() if 'auxiliary_head' not in key]


def version(model: Mapping[str, Any]) -> str:
    """The paper's name of a network, by its head or its neck; otherwise the name of the head."""
    head, neck = (
        type_name((model.get(key) or {}).get('type', '')) for key in ('decode_head', 'neck')
    )
    if neck == 'LargeFOVNeck':
        return 'DeepLabv2' if len(model['neck'].get('rates', (12,))) > 1 else 'DeepLabv1'
    if neck == 'ASPPNeck' and head not in BY_HEAD:
        return 'DeepLabv3'
    return BY_HEAD.get(head, head)


def backbone(cfg: Mapping[str, Any]) -> str:
    """The backbone as papers write it, with its depth: ``ResNet-101``."""
    if 'name' in cfg:  # timm's
        return str(cfg['name'])
    class_name = type_name(cfg.get('type', ''))
    argument = default_of(('model', 'backbone'), cfg, 'depth')
    depth = cfg.get('depth', argument and argument.default)
    return BACKBONES.get(class_name, class_name) + (f'-{depth}' if depth else '')
