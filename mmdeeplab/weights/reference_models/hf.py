"""Build transformers' network as a reference for ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.weights.reference_models import ReferenceModel, load
from mmdeeplab.weights.table import Array


def build(source: Mapping[str, Array], path: Path, ours: Any) -> ReferenceModel:
    """transformers' network with these arrays, at our output stride; logits have full size.

    A network for ImageNet gives the last map before the classifier's convolution, at stride 32.
    """
    module = load('transformers')
    tensors = {name: torch.from_numpy(array) for name, array in source.items()}
    bias = tensors.get('segmentation_head.classifier.convolution.bias')
    if bias is None:
        backbone = module.MobileNetV2Model(module.MobileNetV2Config(output_stride=32)).eval()
        prefix = 'mobilenet_v2.'
        backbone.load_state_dict(
            {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        )
        return ReferenceModel(
            lambda picture, x: backbone(x, output_hidden_states=True).hidden_states[-1]
        )
    stride = ours.model.backbone.output_stride
    options = module.MobileNetV2Config(num_labels=len(bias), output_stride=stride)
    model = module.MobileNetV2ForSemanticSegmentation(options).eval()
    model.load_state_dict(tensors)

    def run(picture: Tensor, x: Tensor) -> Tensor:
        return F.interpolate(model(x).logits, x.shape[2:], mode='bilinear', align_corners=True)

    return ReferenceModel(run)
