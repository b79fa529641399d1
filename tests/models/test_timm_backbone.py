"""Networks of timm at any output stride, against timm itself and against their own coarse maps."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from safetensors.torch import save_file
from timm_proof import STRIDES, proved, randomise
from torch import Tensor, nn

from mmdeeplab.errors import UserError
from mmdeeplab.models.backbones.timm_backbone import (
    FAMILIES,
    TimmBackbone,
    chosen_maps,
    family_of,
)
from mmdeeplab.models.meta import run_on_meta
from mmdeeplab.weights.reference_models import load

slow = pytest.mark.slow
# The smallest network of each family; docs/make_backbones_timm.py asks the same of every other one.
FAMILY = {
    **dict(byobnet='test_byobnet', convnext='test_convnext'),
    **dict(cspnet='cs3darknet_focus_s', cspnext='cspnext_tiny', densenet='densenet121'),
    **dict(dla='dla46x_c', dpn='dpn48b', efficientnet='test_efficientnet'),
    **dict(fasternet='fasternet_t0', fastvit='fastvit_t8', focalnet='focalnet_tiny_srf'),
    **dict(ghostnet='ghostnet_050', hardcorenas='hardcorenas_a', hgnet='hgnetv2_b0'),
    **dict(inception_next='inception_next_atto', inception_v4='inception_v4'),
    **dict(inception_resnet_v2='inception_resnet_v2', lcnetv2='lcnetv2_small'),
    **dict(mambaout='test_mambaout', metaformer='poolformer_s12', nfnet='test_nfnet'),
    **dict(mobilenetv3='mobilenetv3_small_050', rdnet='rdnet_tiny', regnet='regnetx_002'),
    **dict(repghost='repghostnet_050', repvit='repvit_m1', res2net='res2next50'),
    **dict(resnest='resnest14d', resnet='test_resnet', resnetv2='resnetv2_18'),
    **dict(rexnet='rexnet_100', selecsls='selecsls42', senet='legacy_seresnet18'),
    **dict(sknet='skresnet18', starnet='starnet_s050', tresnet='tresnet_m', vgg='vgg11'),
    **dict(vovnet='ese_vovnet19b_slim_dw', xception='legacy_xception'),
    **dict(xception_aligned='xception41'),
}
LARGE = ('inception_resnet_v2', 'inception_v4', 'vgg11', 'focalnet_tiny_srf')
# What users of other projects asked to have at output stride 8 or 16, and got wrong sizes of.
ASKED = (
    *('resnet34', 'resnet50', 'resnext50_32x4d', 'efficientnet_b0', 'tf_efficientnet_b4'),
    *('tf_efficientnetv2_s', 'mobilenetv2_100', 'mobilenetv3_large_100', 'mobileone_s0'),
    *('convnext_tiny', 'regnety_016', 'res2net50_26w_4s', 'densenet121', 'xception41', 'dpn68'),
)


@pytest.fixture(scope='session', autouse=True)
def timm() -> ModuleType:
    try:
        return load('timm')
    except ImportError as error:
        pytest.skip(f'needs timm: make env ({error})')


def test_every_family_has_its_network(timm: ModuleType) -> None:
    assert FAMILY.keys() == FAMILIES
    assert {family_of(name): name for name in FAMILY.values()} == FAMILY


@pytest.mark.parametrize(
    'name',
    [pytest.param(name, marks=slow if name in LARGE else ()) for name in FAMILY.values()],
)
def test_dense_equals_nominal(name: str) -> None:
    assert proved(name)


@pytest.mark.parametrize('name', ['resnet18', 'efficientnet_b0', 'regnety_002', 'xception41'])
@pytest.mark.parametrize('stride', STRIDES)
def test_the_same_as_timm_where_it_can_be_asked(timm: ModuleType, name: str, stride: int) -> None:
    theirs = timm.create_model(name, output_stride=stride).eval()
    ours = TimmBackbone(name, output_stride=stride).eval()
    randomise(theirs)
    state = theirs.state_dict()
    ours.network.load_state_dict({key: state[key] for key in ours.network.state_dict()})
    image = torch.randn(1, 3, 97, 65)
    with torch.no_grad():
        maps = theirs.forward_intermediates(image, indices=[1, 2, 3, 4], intermediates_only=True)
        torch.testing.assert_close(ours(image), tuple(maps), rtol=1e-4, atol=1e-4)


def segmentor(name: str, output_stride: int | None, head: dict, neck: dict | None) -> nn.Module:
    init_default_scope('mmseg')
    backbone = dict(type='mmdeeplab.TimmBackbone', name=name, output_stride=output_stride)
    model = dict(type='mmdeeplab.EncoderDecoder', backbone=backbone, neck=neck, decode_head=head)
    return MODELS.build(model)


V3_PLUS = dict(type='mmdeeplab.DeepLabV3PlusHead', num_classes=5)
ASPP = dict(type='mmdeeplab.ASPPNeck', channels=32)
CLASSIFIER = dict(type='FCNHead', num_convs=0, concat_input=False, channels=32, num_classes=5)
HEADS = {
    'v1': (dict(CLASSIFIER, channels=64), dict(type='mmdeeplab.LargeFOVNeck', channels=64)),
    'v2': (dict(type='mmdeeplab.ASPPV2Head', num_classes=5), None),
    'v3': (CLASSIFIER, ASPP),
    'v3+': (V3_PLUS, ASPP),
    'lraspp': (dict(type='mmdeeplab.LRASPPHead', num_classes=5), None),
}


@pytest.mark.parametrize('output_stride', [8, 16, 32])
@pytest.mark.parametrize('name', ASKED)
def test_networks_that_users_asked_for(name: str, output_stride: int) -> None:
    with torch.device('meta'):
        model = segmentor(name, output_stride, V3_PLUS, ASPP)
    assert model.neck.rates == {8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}[output_stride]
    maps = run_on_meta(model.backbone, torch.empty(2, 3, 128, 96, device='meta'))
    strides = [min(stride, output_stride) for stride in (4, 8, 16, 32)]
    assert model.backbone.strides == tuple(strides)
    assert [tuple(x.shape) for x in maps] == [
        (2, channels, 128 // stride, 96 // stride)
        for channels, stride in zip(model.backbone.channels, strides, strict=True)
    ]
    logits = run_on_meta(model, torch.empty(2, 3, 128, 96, device='meta'))
    assert logits.shape == (2, 5, 32, 24)


@pytest.mark.parametrize('heads', HEADS)
@pytest.mark.parametrize('name', ['resnet18', 'vit_tiny_patch16_224'])
def test_every_head_fits(name: str, heads: str) -> None:
    head, neck = HEADS[heads]
    model = segmentor(name, None, head, neck)
    assert model(torch.randn(2, 3, 64, 64)).shape[:2] == (2, 5)


@pytest.mark.parametrize(
    ('name', 'strides'),
    [
        ('vit_tiny_patch16_224', (16,) * 4),
        ('vit_small_patch14_dinov2', (14,) * 4),
        ('vit_small_patch16_dinov3', (16,) * 4),
        ('swin_tiny_patch4_window7_224', (4, 8, 16, 32)),
    ],
)
@pytest.mark.parametrize('size', [(97, 65), (128, 96)])
def test_transformers_give_their_own_grid(name: str, strides: tuple, size: tuple) -> None:
    model = TimmBackbone(name).to('meta').eval()
    assert model.strides == strides
    maps = model(torch.empty(1, 3, *size, device='meta'))
    assert [tuple(x.shape[2:]) for x in maps] == [
        tuple(-(-side // max(strides)) * (max(strides) // stride) for side in size)
        for stride in strides
    ]


@pytest.mark.parametrize(
    'name', ['resnet18', 'efficientnet_b0', 'convnext_atto', 'vit_tiny_patch16_224']
)
def test_every_parameter_has_a_gradient(name: str) -> None:
    model = TimmBackbone(name)
    sum(x.square().mean() for x in model(torch.randn(2, 3, 65, 65))).backward()
    assert [key for key, value in model.named_parameters() if value.grad is None] == []


def test_chosen_maps_and_channels_of_the_image() -> None:
    model = TimmBackbone('resnet18', 8, out_indices=(0, 2, -1), in_channels=4)
    assert (model.strides, model.channels) == ((2, 8, 8), (64, 128, 512))
    assert [x.shape[1:] for x in model(torch.randn(1, 4, 64, 64))] == [
        (64, 32, 32),
        (128, 8, 8),
        (512, 8, 8),
    ]


@pytest.mark.parametrize('indices', [(4, 1), (1, 1), (-1, 1), (5,), (-6,), ()])
def test_maps_that_cannot_be_chosen_are_refused(indices: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match='has 5 maps, 0 to 4'):
        chosen_maps((2, 4, 8, 16, 32), indices)


def test_norm_eval_freezes_statistics_only() -> None:
    model = TimmBackbone('resnet18', norm_eval=True).train()
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms
    assert not any(layer.training for layer in norms)
    assert all(layer.weight.requires_grad for layer in norms)


@pytest.mark.parametrize(
    ('name', 'stride', 'sentence'),
    [
        ('vit_tiny_patch16_224', 8, 'one grid of stride 16 and none to trade: leave output_stride'),
        ('swin_tiny_patch4_window7_224', 16, 'cannot be dilated: its layers would compute'),
        ('caformer_s18', 8, 'cannot be dilated: its Attention would'),
        ('hrnet_w18_small', 8, 'cannot be dilated'),
        ('resnet8', None, r'timm [\d.]+ has no network resnet8; did you mean resnet18\?'),
    ],
)
def test_what_cannot_be_is_said(name: str, stride: int | None, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        TimmBackbone(name, stride)


@pytest.mark.parametrize('stride', [4, 12, '16'])
def test_refuses_other_strides(stride: object) -> None:
    with pytest.raises(ValueError, match=f'8, 16, 32, got {stride!r}'):
        TimmBackbone('resnet18', stride)


def test_without_timm_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(UserError, match=r"needs timm.*pip install 'mmdeeplab\[timm\]'"):
        TimmBackbone('resnet18')


def write(state: dict[str, Tensor], path: Path) -> str:
    if path.suffix == '.safetensors':
        save_file(state, path)
    else:
        torch.save(state, path)
    return str(path)


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
@pytest.mark.parametrize('name', ['resnet18', 'mobilenetv3_small_050', 'vit_tiny_patch16_224'])
def test_files_of_timm_fit(timm: ModuleType, tmp_path: Path, name: str, suffix: str) -> None:
    state = timm.create_model(name).state_dict()
    model = TimmBackbone(name, pretrained=write(state, tmp_path / f'weights{suffix}'))
    model.init_weights()
    own = model.network.state_dict()
    assert own.keys() <= state.keys()
    assert all(torch.equal(own[key], state[key]) for key in own)
    behind = ('fc.', 'classifier.', 'head.', 'norm.', 'fc_norm.', 'conv_head.', 'norm_head.')
    assert all(key.startswith(behind) for key in state.keys() - own.keys())


def test_files_that_do_not_fit_are_refused(timm: ModuleType, tmp_path: Path) -> None:
    state = timm.create_model('resnet18').state_dict()
    odd = write({**state, 'layer5.weight': torch.ones(1)}, tmp_path / 'odd.pth')
    with pytest.raises(UserError, match=r'odd\.pth.*(?s:.*)layer5\.weight'):
        TimmBackbone('resnet18', pretrained=odd).init_weights()
    del state['layer4.1.conv2.weight']
    less = write(state, tmp_path / 'less.pth')
    with pytest.raises(UserError, match=r'less\.pth.*(?s:.*)layer4\.1\.conv2\.weight'):
        TimmBackbone('resnet18', pretrained=less).init_weights()
