"""Backbones of mmsegmentation under our necks and heads, by config and without numbers."""

from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmdeeplab.config.validate import check_config
from mmdeeplab.models.meta import run_on_meta

DILATED = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))  # output stride 8


def hrnet() -> dict:
    """Its four stages with as few layers as there can be."""
    stages = {}
    for i in range(1, 5):
        stages[f'stage{i}'] = dict(
            num_modules=1,
            num_branches=i,
            block='BOTTLENECK' if i == 1 else 'BASIC',
            num_blocks=(1,) * i,
            num_channels=(64,) if i == 1 else tuple(8 * 2**j for j in range(i)),
        )
    return stages


# name, arguments, stride of the first and of the last map
BACKBONES: list[tuple[str, dict[str, Any], int, int]] = [
    ('ResNet', dict(depth=18, **DILATED), 4, 8),
    ('ResNetV1c', dict(depth=18, contract_dilation=True, **DILATED), 4, 8),
    ('ResNetV1d', dict(depth=18, **DILATED), 4, 8),
    ('ResNeXt', dict(depth=50, groups=32, base_width=4, **DILATED), 4, 8),
    ('ResNeSt', dict(depth=50, radix=2, **DILATED), 4, 8),
    ('MobileNetV2', dict(strides=(1, 2, 2, 1, 1, 1, 1), out_indices=(1, 2, 4, 6)), 4, 8),
    ('MobileNetV3', dict(arch='small', out_indices=(0, 1, 12)), 2, 8),
    ('MixVisionTransformer', dict(embed_dims=32, num_layers=[1] * 4, drop_path_rate=0.1), 4, 32),
    ('SwinTransformer', dict(embed_dims=48, depths=(1,) * 4, num_heads=(3,) * 4), 4, 32),
    ('PCPVT', dict(depths=[1] * 4), 4, 32),
    ('VisionTransformer', dict(img_size=224, embed_dims=64, num_layers=2, num_heads=4), 16, 16),
    ('HRNet', dict(extra=hrnet()), 4, 32),
    ('UNet', dict(base_channels=8), 16, 1),
]


@pytest.mark.parametrize(
    ('name', 'arguments', 'first', 'last'), BACKBONES, ids=[r[0] for r in BACKBONES]
)
def test_they_need_no_numbers(name: str, arguments: dict, first: int, last: int) -> None:
    init_default_scope('mmseg')
    model = dict(
        type='mmdeeplab.EncoderDecoder',
        backbone=dict(type=name, **arguments),
        neck=dict(type='mmdeeplab.ASPPNeck', channels=16, separable=True),
        decode_head=dict(type='mmdeeplab.DeepLabV3PlusHead', num_classes=5, channels=16),
    )
    check_config(Config(dict(default_scope='mmseg', model=model)))
    if name == 'VisionTransformer':  # as shipped it returns its last map only
        model['decode_head'].update(in_index=(-1, -1))
    built = MODELS.build(model)
    maps = run_on_meta(built.backbone, torch.empty(1, 3, 128, 64, device='meta'))
    assert [128 // m.shape[2] for m in (maps[0], maps[-1])] == [first, last]
    with torch.no_grad():
        logits = built.eval()(torch.randn(1, 3, 128, 64))
    assert logits.shape == (1, 5, 128 // first, 64 // first)
