"""Build timm's Xceptions as a reference for ours."""

from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config

from mmdeeplab.weights.converters.timm import xception_depth
from mmdeeplab.weights.reference_models import ReferenceModel, load
from mmdeeplab.weights.table import Array


def build(source: Mapping[str, Array], path: Path, cfg: Config) -> ReferenceModel:
    """timm's network with these arrays, with a classifier if the file has one."""
    classes = len(source.get('head.fc.bias', ()))
    model = load('timm').create_model(f'xception{xception_depth(source)}', num_classes=classes)
    model.eval().load_state_dict({name: torch.from_numpy(array) for name, array in source.items()})
    return ReferenceModel(lambda picture, x: model.forward_features(x))
