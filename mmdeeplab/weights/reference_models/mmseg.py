"""Build mmsegmentation's networks as a reference for ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from mmdeeplab.weights.reference_models import ReferenceModel
from mmdeeplab.weights.table import Array

NORM = dict(type='BN')
# dilations of the four stages and multi-grid, as its configs -d8 and -d16-mg124 have them
STAGES: dict[int, dict] = {
    8: dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    16: dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), multi_grid=(1, 2, 4)),
}


def backbone(source: Mapping[str, Array], ours: Any) -> dict:
    """The config of mmsegmentation's backbone; ours use its ResNet-18 and MobileNetV2, too."""
    if 'backbone.layer1.0.conv3.weight' not in source:
        return ours.model.backbone
    return dict(
        type='ResNetV1c' if 'backbone.stem.0.weight' in source else 'ResNet',
        depth=ours.model.backbone.depth,
        norm_cfg=NORM,
        style='pytorch',
        contract_dilation=True,
        **STAGES[ours.model.backbone.output_stride],
    )


def decode_head(source: Mapping[str, Array], ours: Any) -> dict:
    """The config of mmsegmentation's decode head for these arrays."""
    head = dict(
        type='ASPPHead',
        in_channels=ours.model.neck.in_channels,
        in_index=3,
        channels=ours.model.neck.channels,
        dilations=(1, *ours.model.neck.rates),
        num_classes=len(source['decode_head.conv_seg.bias']),
        norm_cfg=NORM,
        align_corners=ours.model.decode_head.align_corners,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),  # or mmseg warns
    )
    low_level = source.get('decode_head.c1_bottleneck.conv.weight')
    if low_level is None:
        return head
    channels, in_channels = low_level.shape[:2]
    return head | dict(
        type='DepthwiseSeparableASPPHead', c1_in_channels=in_channels, c1_channels=channels
    )


def build(source: Mapping[str, Array], path: Path, ours: Any) -> ReferenceModel:
    """mmsegmentation's segmentor with these arrays, at our output stride and rates."""
    model: Any = MODELS.build(
        dict(
            type='EncoderDecoder',
            backbone=backbone(source, ours),
            decode_head=decode_head(source, ours),
            test_cfg=ours.model.test_cfg,
        )
    ).eval()
    expected = model.state_dict()
    model.load_state_dict({n: torch.from_numpy(a) for n, a in source.items() if n in expected})

    def run(picture: Tensor, x: Tensor) -> Tensor:
        return model.encode_decode(x, [dict(img_shape=x.shape[2:])])

    return ReferenceModel(run)
