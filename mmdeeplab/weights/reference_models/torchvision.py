"""Build torchvision's networks as a reference for ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmdeeplab.weights.converters import torchvision as importer
from mmdeeplab.weights.converters.torch_layout import resnet_depth
from mmdeeplab.weights.reference_models import ReferenceModel, load
from mmdeeplab.weights.table import Array


def network(source: Mapping[str, Array]) -> nn.Module:
    """torchvision's network whose arrays these are."""
    models = load('torchvision.models')
    table = importer.table_for(source)
    if table.part == 'backbone':
        name = {
            importer.RESNET.name: f'resnet{resnet_depth(source)}',
            importer.MOBILENET_V2.name: 'mobilenet_v2',
            importer.MOBILENET_V3.name: 'mobilenet_v3_large',
        }[table.name]
        return getattr(models, name)(weights=None)
    kwargs = dict(weights=None, weights_backbone=None)
    if table is importer.LRASPP:
        classes = len(source['classifier.low_classifier.bias'])
        return models.segmentation.lraspp_mobilenet_v3_large(num_classes=classes, **kwargs)
    depth = resnet_depth(source, r'backbone\.')
    name = f'resnet{depth}' if depth else 'mobilenet_v3_large'
    return getattr(models.segmentation, f'deeplabv3_{name}')(
        num_classes=len(source['classifier.4.bias']),
        aux_loss='aux_classifier.4.bias' in source,
        **kwargs,
    )


def features(model: Any, x: Tensor) -> Tensor:
    """The map (N, C, H/32, W/32) that a classifier for ImageNet pools."""
    if hasattr(model, 'features'):
        return model.features(x)
    children = ('conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4')
    for name in children:
        x = getattr(model, name)(x)
    return x


def build(source: Mapping[str, Array], path: Path, cfg: Config) -> ReferenceModel:
    """torchvision's network with these arrays."""
    model = network(source).eval()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in source.items()})
    if importer.table_for(source).part == 'backbone':
        return ReferenceModel(lambda picture, x: features(model, x))
    return ReferenceModel(lambda picture, x: model(x)['out'])
