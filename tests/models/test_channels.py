"""in_channels may be left out of a config: the network is the one with them written."""

import copy
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from places import ROOT
from torch import nn

from mmdeeplab.errors import UserError
from mmdeeplab.models.necks import ASPPNeck

CONFIGS = sorted((ROOT / 'configs').glob('*_voc.py'))
PARTS = ('neck', 'decode_head', 'auxiliary_head')
RATES = ((6, 12, 18), (12, 24, 36))  # at 16 and at 8


def build(model: dict) -> nn.Module:
    init_default_scope('mmseg')
    with torch.device('meta'):
        return MODELS.build(model)


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def dilations(model: nn.Module) -> list[tuple]:
    return [layer.dilation for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def without_numbers(model: dict) -> dict:
    bare = copy.deepcopy(model)
    for part in PARTS:
        for found in [bare[part]] if isinstance(bare.get(part), dict) else bare.get(part) or ():
            found.pop('in_channels', None)
            if part == 'neck' and tuple(found.get('rates', ())) == rates_at(bare['backbone']):
                del found['rates']
    return bare


def rates_at(backbone: dict) -> tuple[int, ...]:
    return RATES[backbone.get('output_stride', 16) == 8]


def test_there_are_configs() -> None:
    assert len(CONFIGS) > 30


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_shipped_networks_need_no_numbers(path: object) -> None:
    model = Config.fromfile(path).model.to_dict()
    if model['neck' if model.get('neck') else 'decode_head'].get('in_channels') is None:
        pytest.skip('writes none')
    written, found = build(model), build(without_numbers(model))
    assert shapes(found) == shapes(written)
    assert dilations(found) == dilations(written)


def test_a_map_that_is_not_there_is_named() -> None:
    model = Config.fromfile(ROOT / 'configs/deeplabv3plus_r101_voc.py').model
    model.decode_head.pop('in_channels')
    model.decode_head.in_index = (0, 9)
    with pytest.raises(UserError, match=r'in_index=.*9.*there are 4 maps'):
        build(model)


VGG = dict(type='mmdeeplab.AtrousVGG16', output_stride=8)
FCN = dict(type='FCNHead', channels=8, num_convs=1, concat_input=False, num_classes=3)


@pytest.mark.parametrize(('output_stride', 'rate'), [(8, 12), (16, 6), (32, 3)])
def test_the_rate_of_large_fov_holds_at_stride_8(output_stride: int, rate: int) -> None:
    backbone = dict(VGG, output_stride=output_stride)
    neck = dict(type='mmdeeplab.LargeFOVNeck', channels=8)
    model = build(
        dict(type='mmdeeplab.EncoderDecoder', backbone=backbone, neck=neck, decode_head=FCN)
    )
    assert model.neck.rates == (rate,)


def test_channels_of_stages_are_not_those_of_maps() -> None:
    backbone = dict(
        type='STDCNet',
        stdc_type='STDCNet1',
        in_channels=3,
        channels=(32, 64, 256, 512, 1024),
        bottleneck_type='cat',
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
    )
    head = dict(FCN, in_index=0)
    model = build(dict(type='mmdeeplab.EncoderDecoder', backbone=backbone, decode_head=head))
    assert model.decode_head.in_channels == 256


class HandingOn(ASPPNeck):
    """A user's neck, whose arguments are those of ours."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)


@pytest.mark.parametrize('head', ['LRASPPHead', 'SigmoidLRASPPHead'])
def test_arguments_that_are_handed_on_are_completed(head: str) -> None:
    backbone = dict(type='mmdeeplab.MobileNetV3', output_stride=8)
    model = build(
        dict(
            type='mmdeeplab.EncoderDecoder',
            backbone=backbone,
            neck=dict(type=HandingOn, channels=8),
            decode_head=dict(type=f'mmdeeplab.{head}', num_classes=3),
        )
    )
    assert model.neck.pointwise.in_channels == 480
    assert model.neck.rates == RATES[1]
    assert model.decode_head.in_channels == [120, 8]
