"""Build segmentation_models_pytorch's networks as a reference for ours."""

from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config

from mmdeeplab.weights.converters import smp as importer
from mmdeeplab.weights.reference_models import ReferenceModel, load
from mmdeeplab.weights.table import Array

ENCODERS = {
    'r50': 'resnet50',
    'r101': 'resnet101',
    'mobilenetv2': 'mobilenet_v2',
    'xception': 'tu-xception65',
    'xception71': 'tu-xception71',
}


def build(source: Mapping[str, Array], path: Path, cfg: Config) -> ReferenceModel:
    """The network of segmentation_models_pytorch with these arrays.

    Output stride and rates are those of our config, since the arrays do not tell them. The network
    refuses images whose sides its output stride does not divide.
    """
    architecture = 'DeepLabV3Plus' if importer.is_plus(source) else 'DeepLabV3'
    whole = source.get('classification_head.3.bias')
    model = getattr(load('segmentation_models_pytorch'), architecture)(
        ENCODERS[importer.encoder(source)[0]],
        encoder_weights=None,
        encoder_output_stride=cfg.model.backbone.output_stride,
        decoder_atrous_rates=cfg.model.neck.rates,
        classes=len(source['segmentation_head.0.bias']),
        aux_params=None if whole is None else dict(classes=len(whole)),
    ).eval()
    expected = model.state_dict()
    model.load_state_dict({n: torch.from_numpy(a) for n, a in source.items() if n in expected})
    single_output = whole is None
    return ReferenceModel(
        lambda picture, x: model(x) if single_output else model(x)[0], ((128, 128), (128, 160))
    )
