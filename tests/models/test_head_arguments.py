"""Every argument that a decode head takes changes what it does, or the head refuses it."""

from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS as MMSEG
from torch import nn

from mmdeeplab.config.registered import arguments
from mmdeeplab.models import decode_heads
from mmdeeplab.registry import MODELS

HEADS = [getattr(decode_heads, name) for name in decode_heads.__all__]
NEEDED: dict[str, dict] = {
    'ShrunkLabelFCNHead': dict(in_channels=8, channels=8),
    'ASPPV2Head': dict(in_channels=8),
    'DeepLabV3PlusHead': dict(in_channels=(8, 8), channels=8),
    'LRASPPHead': dict(in_channels=(8, 8), channels=8),
    'SigmoidLRASPPHead': dict(in_channels=(8, 8), channels=8),
    'SideBranchHead': dict(in_channels=(3, 8), in_index=(0, -1), strides=(1,), channels=8),
}
LAYERS = dict(
    conv_cfg=dict(type='Conv2dAdaptivePadding'),
    norm_cfg=dict(type='GN', num_groups=2),
    act_cfg=dict(type='LeakyReLU', negative_slope=0.5),
    input_transform='resize_concat',
    channels=4,
)


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope('mmseg')


def build(head: type, **more: Any) -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build({**dict(type=head, num_classes=3), **NEEDED[head.__name__], **more})


@pytest.mark.parametrize('name', LAYERS)
@pytest.mark.parametrize('head', HEADS, ids=lambda head: head.__name__)
def test_an_argument_changes_the_layers_or_is_refused(head: type, name: str) -> None:
    value = LAYERS[name]
    taken = arguments(head)
    assert taken is not None
    if name not in taken:  # the check of configs refuses it, and so does whoever builds the head
        with pytest.raises(ValueError, match=f'{name} is no argument of {head.__name__}'):
            build(head, **{name: value})
        return
    if name == 'input_transform':
        assert build(head, in_channels=[8, 8], in_index=[0, 1], **{name: value}).in_channels == 16
    else:
        assert str(build(head, **{name: value})) != str(build(head))


@pytest.mark.parametrize('head', HEADS, ids=lambda head: head.__name__)
def test_only_arguments_of_mmsegs_base_are_refused(head: type) -> None:
    unused = set(getattr(head, 'unused_arguments', ()))
    assert unused <= (arguments(BaseDecodeHead) or set())
    assert not unused & (arguments(head) or set())


def segmentor(**more: Any) -> nn.Module:
    backbone = dict(type='mmdeeplab.AtrousVGG16', output_stride=8) | more.pop('backbone', {})
    head = dict(type='FCNHead', in_channels=4, in_index=0, channels=4, num_convs=0)
    head |= dict(concat_input=False, num_classes=3)
    model = dict(type='mmdeeplab.EncoderDecoder', backbone=backbone, decode_head=head)
    return MMSEG.build({**model, **more})


def test_pretrained_is_the_backbones_init_cfg() -> None:
    """As mmseg's configs write it, None included."""
    wanted = dict(type='Pretrained', checkpoint='a.pth')
    assert segmentor(pretrained='a.pth').backbone.init_cfg == wanted
    assert segmentor(pretrained=None).backbone.init_cfg is None
    with pytest.raises(ValueError, match='both start the backbone'):
        segmentor(pretrained='a.pth', backbone=dict(init_cfg=wanted))
