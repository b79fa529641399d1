"""Every config builds, and numbers that must agree do."""

import functools
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from places import ROOT

from mmdeeplab.config.loops import choose_loop

CONFIGS = ROOT / 'configs'
LEAVES = sorted([*CONFIGS.glob('*.py'), *CONFIGS.glob('ablation/*.py')])
read = functools.cache(Config.fromfile)
leaves = pytest.mark.parametrize('path', LEAVES, ids=lambda path: str(path.relative_to(CONFIGS)))
# Ports whose weights were trained with the rates of output stride 8 at 16.
UNDOUBLED = ('deeplabv3_mobilenetv3-torchvision_voc', 'deeplabv3plus_*-smp_voc')
RATES = {32: (3, 6, 9), 16: (6, 12, 18), 8: (12, 24, 36)}


def test_configs_are_found() -> None:
    assert len(LEAVES) >= 5


@leaves
def test_builds(path: Path) -> None:
    from mmseg.registry import MODELS

    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    with torch.device('meta'):
        assert MODELS.build(cfg.model).with_decode_head


@leaves
def test_schedules_end_with_the_run(path: Path) -> None:
    cfg = read(path)
    assert not any('end' in scheduler for scheduler in cfg.param_scheduler)  # MMEngine: the run's
    assert cfg.train_cfg.max_iters % cfg.train_cfg.val_interval == 0


@leaves
def test_train_cfg_alone_makes_a_run_by_epochs(path: Path) -> None:
    cfg = read(path)
    loop = choose_loop(cfg.train_cfg | dict(by_epoch=True, max_epochs=3))
    assert loop == dict(type='EpochBasedTrainLoop', max_epochs=3)
    assert not {'interval', 'by_epoch'} & cfg.default_hooks.checkpoint.keys()  # as the loop counts
    assert 'by_epoch' not in cfg.get('log_processor', {})


@leaves
def test_crop_is_what_batches_are_padded_to(path: Path) -> None:
    cfg = read(path)
    crops = [t.crop_size for t in cfg.train_dataloader.dataset.pipeline if 'crop_size' in t]
    assert crops == [tuple(cfg.model.data_preprocessor['size'])]


@leaves
def test_rates_go_with_the_output_stride(path: Path) -> None:
    model = read(path).model
    neck = model.get('neck') or {}
    if neck.get('type') != 'mmdeeplab.ASPPNeck' or not neck.rates:
        pytest.skip('no atrous branches')
    port = any(path.match(f'{name}.py') for name in UNDOUBLED)
    assert tuple(model.neck.rates) == RATES[8 if port else output_stride(model.backbone)]


def output_stride(backbone: ConfigDict) -> int:
    """Ours have it as an argument; mmseg's list the strides of stages behind a stem."""
    stem = {'MobileNetV2': 2, 'ResNet': 4, 'ResNetV1c': 4}
    own = stem.get(backbone.type)
    return math.prod((own, *backbone.strides)) if own else backbone.output_stride


@leaves
def test_evaluation_counts_every_image_once(path: Path) -> None:
    cfg = read(path)
    for split in ('val', 'test'):
        assert cfg[f'{split}_dataloader'].sampler.round_up is False


def test_the_voc_recipe_is_the_published_one() -> None:
    cfg = Config.fromfile(CONFIGS / 'deeplabv3plus_xception_voc.py')
    assert cfg.train_dataloader.batch_size == 16
    assert cfg.train_cfg.max_iters == 30_000
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', 0.007, 0.9)
    assert optimizer.weight_decay == 4e-5
    assert not optimizer.get('nesterov')
    schedule = cfg.param_scheduler[0]
    assert (schedule.type, schedule.power, schedule.eta_min) == ('PolyLR', 0.9, 0.0)


def test_decay_spares_depthwise_norms_and_biases() -> None:
    from mmengine.optim import build_optim_wrapper
    from mmseg.registry import MODELS

    cfg = Config.fromfile(CONFIGS / 'deeplabv3plus_xception_voc.py')
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = {id(g['params'][0]): g for g in wrapper.optimizer.param_groups}
    assert len(groups) == len(list(model.parameters()))
    seen = {'decayed': 0, 'spared': 0}
    for name, parameter in model.named_parameters():
        group = groups[id(parameter)]
        kernel = parameter.ndim == 4 and 'depthwise' not in name
        assert group['weight_decay'] == (4e-5 if kernel else 0), name
        doubled = name == 'decode_head.conv_seg.bias'
        assert group['lr'] == pytest.approx(0.014 if doubled else 0.007), name
        seen['decayed' if kernel else 'spared'] += 1
    assert min(seen.values()) > 50
