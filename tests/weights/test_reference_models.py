"""Importers of PyTorch projects, and with them our networks, against those projects' own code."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from places import ROOT
from torch import Tensor, nn

from mmdeeplab.cli.convert_weights import main
from mmdeeplab.config.overrides import parse_options
from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters import smp, timm, torchvision
from mmdeeplab.weights.parity import differences
from mmdeeplab.weights.reference_models import SIZES, ReferenceModel, load
from mmdeeplab.weights.reference_models.torchvision import features
from mmdeeplab.weights.table import Fitting, convert

EXACT = 1e-4
DIVISIBLE = ((128, 128), (128, 160))  # smp refuses sides that the output stride does not divide
Peers = SimpleNamespace
slow = pytest.mark.slow


@pytest.fixture(scope='session')
def peers() -> Peers:
    """The packages; `make env` puts them into a folder of their own."""
    try:
        return Peers(
            torchvision=load('torchvision'),
            timm=load('timm'),
            smp=load('segmentation_models_pytorch'),
        )
    except ImportError as error:
        pytest.skip(f'needs torchvision, timm and smp: make env ({error})')


def of_torchvision(name: str, **options: object) -> Callable[[Peers], nn.Module]:
    kwargs = dict(weights=None, weights_backbone=None, **options)
    return lambda peers: getattr(peers.torchvision.models.segmentation, name)(**kwargs)


def imagenet(name: str) -> Callable[[Peers], nn.Module]:
    return lambda peers: getattr(peers.torchvision.models, name)(weights=None)


def of_timm(name: str) -> Callable[[Peers], nn.Module]:
    return lambda peers: peers.timm.create_model(name)


def of_smp(kind: str, encoder: str) -> Callable[[Peers], nn.Module]:
    kwargs = dict(encoder_weights=None, classes=21)
    return lambda peers: getattr(peers.smp, kind)(encoder, **kwargs)


# importer, its network, our config and the settings by which it is that network
AUX = dict(aux_loss=True)
SHALLOW, DEEPER = 'model.backbone.depth=50', 'model.backbone.depth=71'
TORCHVISION = 'deeplabv3_r101-torchvision_voc'
DILATED_AT_ONCE = ('model.backbone.style=smp', 'model.decode_head.align_corners=True')
PLAIN_ASPP = (
    *('model.backbone.output_stride=8', 'model.neck.rates=12,24,36'),
    *('model.neck.separable=False', 'model.neck.num_convs=1', 'model.neck.dropout=0.5'),
)
ROWS = [
    (torchvision, of_torchvision('deeplabv3_resnet50', **AUX), TORCHVISION, SHALLOW),
    (
        torchvision,
        of_torchvision('deeplabv3_mobilenet_v3_large'),
        'deeplabv3_mobilenetv3-torchvision_voc',
    ),
    (
        torchvision,
        of_torchvision('lraspp_mobilenet_v3_large'),
        'lraspp_mobilenetv3-torchvision_voc',
    ),
    (torchvision, imagenet('resnet50'), 'deeplabv3_r50_voc'),
    (torchvision, imagenet('mobilenet_v2'), 'deeplabv3_mobilenetv2-smp_voc'),
    (torchvision, imagenet('mobilenet_v3_large'), 'deeplabv3_mobilenetv3-torchvision_voc'),
    (timm, of_timm('xception41'), 'deeplabv3plus_xception41_voc'),
    (smp, of_smp('DeepLabV3', 'resnet50'), TORCHVISION, SHALLOW, *DILATED_AT_ONCE),
    (smp, of_smp('DeepLabV3', 'mobilenet_v2'), 'deeplabv3_mobilenetv2-smp_voc'),
    (smp, of_smp('DeepLabV3Plus', 'resnet50'), 'deeplabv3plus_r101-smp_voc', SHALLOW),
    (smp, of_smp('DeepLabV3Plus', 'mobilenet_v2'), 'deeplabv3plus_mobilenetv2-smp_voc'),
    (smp, of_smp('DeepLabV3Plus', 'tu-xception65'), 'deeplabv3plus_xception-smp_voc'),
]
DEEP = [
    (torchvision, of_torchvision('deeplabv3_resnet101', **AUX), TORCHVISION),
    (torchvision, imagenet('resnet101'), 'deeplabv3_r101_voc'),
    (timm, of_timm('xception65'), 'deeplabv3plus_xception_voc'),
    (timm, of_timm('xception71'), 'deeplabv3plus_xception71_voc'),
    (smp, of_smp('DeepLabV3', 'resnet101'), TORCHVISION, *DILATED_AT_ONCE),
    (smp, of_smp('DeepLabV3', 'tu-xception65'), 'deeplabv3_xception_voc', *PLAIN_ASPP),
    (smp, of_smp('DeepLabV3', 'tu-xception71'), 'deeplabv3_xception_voc', DEEPER, *PLAIN_ASPP),
    (smp, of_smp('DeepLabV3Plus', 'resnet101'), 'deeplabv3plus_r101-smp_voc'),
    (smp, of_smp('DeepLabV3Plus', 'tu-xception71'), 'deeplabv3plus_xception-smp_voc', DEEPER),
]
ALL = [
    pytest.param(
        importer,
        make,
        Fitting(name, tuple(settings)),
        marks=[slow] if number >= len(ROWS) else [],
        id='-'.join([importer.__name__.split('.')[-1], name, *settings[:1]]),
    )
    for number, (importer, make, name, *settings) in enumerate([*ROWS, *DEEP])
]


def seeded(model: nn.Module) -> nn.Module:
    """Weights and BN statistics of our own making, by which signals neither vanish nor explode."""
    noise = torch.Generator().manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1, generator=noise)
            layer.running_var.uniform_(0.5, 1.5, generator=noise)
            layer.weight.data.uniform_(0.5, 1.5, generator=noise)
            layer.bias.data.normal_(0, 0.1, generator=noise)
        elif isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.weight.data.normal_(0, layer.weight[0].numel() ** -0.5, generator=noise)
            if layer.bias is not None:
                layer.bias.data.normal_(0, 0.1, generator=noise)
    return model.eval()


def saved(importer: object, model: nn.Module, path: Path) -> dict:
    """Through a file, as it is published."""
    torch.save(model.state_dict(), path)
    arrays = importer.read(path)
    path.unlink()
    return arrays


def as_reference_model(importer: object, model: nn.Module) -> ReferenceModel:
    """Its logits, or what a classifier of ImageNet pools."""
    sizes = DIVISIBLE if importer is smp else SIZES

    def run(picture: Tensor, x: Tensor) -> Tensor:
        if importer is smp:
            return model(x)
        if importer is timm:
            return model.forward_features(x)
        return model(x)['out'] if hasattr(model, 'backbone') else features(model, x)

    return ReferenceModel(run, sizes)


def config(name: str, **options: object) -> Config:
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    init_default_scope(cfg.default_scope)
    cfg.merge_from_dict(options)
    return cfg


def apart(cfg: Config, importer: object, arrays: dict, model: nn.Module) -> list[float]:
    """Largest absolute differences at two sizes, where the peer's answer is not nothing."""
    table = importer.table_for(arrays)
    own = MODELS.build(cfg.model).state_dict()
    state = convert(arrays, table, own)
    found = list(differences(cfg, state, table.part, as_reference_model(importer, model)))
    assert min(scale for _, _, scale in found) > 0.1
    return [gap for _, gap, _ in found]


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A construction draws nothing: each value is written over."""
    for name in ('uniform_', 'normal_', 'kaiming_uniform_', 'kaiming_normal_'):
        monkeypatch.setattr(nn.init, name, lambda values, *_, **__: values.detach().zero_())


@pytest.mark.usefixtures('undrawn')
@pytest.mark.parametrize(('importer', 'make', 'fitting'), ALL)
def test_equals_the_peer(
    peers: Peers, tmp_path: Path, importer: object, make: Callable, fitting: Fitting
) -> None:
    model = seeded(make(peers))
    arrays = saved(importer, model, tmp_path / 'net.pth')
    assert importer.config_for(arrays) == fitting
    gaps = apart(
        config(fitting.config, **parse_options(fitting.cfg_options)), importer, arrays, model
    )
    assert len(gaps) == 2
    assert max(gaps) < EXACT


WRONG = [
    (
        torchvision,
        of_torchvision('lraspp_mobilenet_v3_large'),
        'lraspp_mobilenetv3-torchvision_voc',
        [
            {'model.backbone.style': 'tf'},
            {'model.backbone.norm_cfg.eps': 0.1},
            {'model.decode_head.align_corners': True},
        ],
    ),
    (
        smp,
        of_smp('DeepLabV3Plus', 'resnet50'),
        'deeplabv3plus_r101-smp_voc',
        [
            {'model.backbone.style': 'torchvision'},
            {'model.backbone.multi_grid': (1, 2, 4)},
            {'model.neck.rates': (6, 12, 18)},
            {'model.decode_head.align_corners': False},
        ],
    ),
    (
        smp,
        of_smp('DeepLabV3Plus', 'tu-xception65'),
        'deeplabv3plus_xception-smp_voc',
        [{'model.backbone.taps': 'norm'}],
    ),
]


@pytest.mark.usefixtures('undrawn')
@pytest.mark.parametrize(('importer', 'make', 'name', 'wrong'), WRONG)
def test_a_wrong_network_would_show(
    peers: Peers, tmp_path: Path, importer: object, make: Callable, name: str, wrong: list
) -> None:
    model = seeded(make(peers))
    arrays = saved(importer, model, tmp_path / 'net.pth')
    network = parse_options(importer.config_for(arrays).cfg_options)
    for options in wrong:
        cfg = config(name, **network, **options)
        assert max(apart(cfg, importer, arrays, model)) > 1e-2, options


def test_what_is_ignored_is_said(peers: Peers, tmp_path: Path, capsys: object) -> None:
    model = of_torchvision('deeplabv3_mobilenet_v3_large', **AUX)(peers)
    path, out = tmp_path / 'net.pth', tmp_path / 'ours.safetensors'
    torch.save({'model': {f'module.{k}': v for k, v in model.state_dict().items()}}, path)
    assert main(['torchvision', str(path), str(out), '--check']) == 0
    printed = capsys.readouterr().out
    assert 'deeplabv3_mobilenetv3-torchvision_voc.py' in printed
    assert 'ignored: 7 tensors of the auxiliary head' in printed
    assert printed.count('largest absolute difference') == 2


def test_an_encoder_that_we_do_not_have_is_named(peers: Peers) -> None:
    with torch.device('meta'):
        names = peers.smp.DeepLabV3('resnet34', encoder_weights=None).state_dict()
    with pytest.raises(UserError, match='none of resnet50, resnet101, mobilenet_v2'):
        smp.table_for(dict(names))
    with torch.device('meta'):
        names = peers.timm.create_model('xception41p').state_dict()
    with pytest.raises(UserError, match='pre-activation'):
        timm.table_for(dict(names))


def test_every_module_of_peers_has_its_importer() -> None:
    names = [p.stem for p in (ROOT / 'mmdeeplab/weights/reference_models').glob('[a-z]*.py')]
    assert len(names) >= 4
    for name in names:
        assert callable(importlib.import_module(f'mmdeeplab.weights.reference_models.{name}').build)
        assert callable(importlib.import_module(f'mmdeeplab.weights.converters.{name}').table_for)
