"""Every fragment of docs/recipes.md is short, valid, does what it says, and trains a step."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from blocks import Block, blocks
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import HOOKS, PARAM_SCHEDULERS, init_default_scope
from mmseg.registry import MODELS, TRANSFORMS
from places import ROOT
from test_losses_page import batch
from torch import nn

from mmdeeplab.config.class_weight import auto_methods, with_class_weights
from mmdeeplab.config.load import load_config
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.randomness import seed_all

BASE = ROOT / 'configs/deeplabv3plus_mobilenetv2_voc.py'
PAGE = (ROOT / 'docs/recipes.md').read_text()
FRAGMENTS = {
    re.findall(r'^## (.+)$', PAGE[: PAGE.index(block.text)], re.M)[-1]: block
    for block in blocks('docs/recipes')
    if block.language == 'python'
}
STEPS = 6_000


def rate(wrapper: OptimWrapper, model: nn.Module, name: str) -> float:
    """The learning rate of a parameter as a share of the optimiser's."""
    parameter = dict(model.named_parameters())[name]
    group = next(g for g in wrapper.param_groups if any(p is parameter for p in g['params']))
    return group['lr'] / wrapper.optimizer.defaults['lr']


def auxiliary(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    assert model.auxiliary_head.in_channels == 576  # of MobileNetV2's map of stride 16
    assert logged['aux.loss_ce'] > 0


def hard(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    sampler = model.decode_head.sampler
    assert (sampler.thresh, sampler.min_kept) == (0.7, 10000)


def weighted(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    """Counted before training; the counting has tests of its own."""
    assert auto_methods(cfg) == {'model.decode_head.loss_decode': 'auto'}
    weights = [1.0] * 20 + [3.0]
    filled = with_class_weights(cfg, {'auto': weights})
    assert MODELS.build(filled.model).decode_head.loss_decode.class_weight == weights


def averaged(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    base = Config.fromfile(BASE).custom_hooks
    assert cfg.custom_hooks[:-1] == base
    hook = HOOKS.build(cfg.custom_hooks[-1])
    assert hook.ema_cfg['momentum'] == 2e-4


def coloured(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    """Colours change behind crop and mirror, and nothing else does."""
    steps = cfg.train_dataloader.dataset.pipeline
    assert steps[-2] == dict(type='PhotoMetricDistortion')
    assert [*steps[:-2], steps[-1]] == Config.fromfile(BASE).train_dataloader.dataset.pipeline
    rng = np.random.default_rng(0)
    given = dict(
        img=rng.integers(60, 190, (9, 8, 3), np.uint8), gt_seg_map=rng.integers(0, 21, (9, 8))
    )
    seed_all(0)
    changed = TRANSFORMS.build(steps[-2])({key: value.copy() for key, value in given.items()})
    assert changed['img'].shape == (9, 8, 3)
    assert (changed['img'] != given['img']).any()
    assert (changed['gt_seg_map'] == given['gt_seg_map']).all()


def slower(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    assert rate(wrapper, model, 'backbone.stem.conv.weight') == pytest.approx(0.1)
    assert rate(wrapper, model, 'neck.pointwise.conv.weight') == 1


def layered(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    for block, exponent in ((0, 17), (1, 16), (10, 7), (16, 1)):
        name = f'backbone.blocks.{block}.project.conv.weight'
        assert rate(wrapper, model, name) == pytest.approx(0.9**exponent)
    assert rate(wrapper, model, 'backbone.stem.conv.weight') == pytest.approx(0.9**18)
    shares = [rate(wrapper, model, name) < 1 for name, _ in model.named_parameters()]
    inside = [name.startswith('backbone.') for name, _ in model.named_parameters()]
    assert shares == inside


def frozen(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    fresh = MODELS.build(cfg.model).backbone
    torch.manual_seed(0)
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    head = model.decode_head.conv_seg.weight.detach().clone()
    model.train().train_step(batch(21, void=False), wrapper)
    after = model.backbone.state_dict()
    assert fresh.state_dict().keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in after)
    assert not torch.equal(head, model.decode_head.conv_seg.weight)


def warmed(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    """Linear from a hundredth, then half a cosine to 0 at the run's end."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedulers = [
        PARAM_SCHEDULERS.build({'end': STEPS, 'optimizer': optimiser, **plan})
        for plan in cfg.param_scheduler
    ]
    seen = []
    for _ in range(STEPS):
        seen.append(optimiser.param_groups[0]['lr'])
        for scheduler in schedulers:
            scheduler.step()
    assert seen[0] == pytest.approx(0.01)
    assert seen[500] == pytest.approx(0.01 + 0.99 * 500 / 999, rel=1e-3)
    for step in (1000, 2_000, 4_000, STEPS - 1):
        share = (1 + math.cos(math.pi * (step - 1000) / (STEPS - 1000))) / 2
        assert seen[step] == pytest.approx(share, rel=2e-2, abs=1e-6)


def adamw(cfg: Config, model: nn.Module, wrapper: OptimWrapper, logged: dict) -> None:
    assert type(wrapper.optimizer) is torch.optim.AdamW
    assert wrapper.optimizer.defaults['lr'] == 1e-4
    norms = {g['weight_decay'] for g in wrapper.param_groups if g['params'][0].ndim == 1}
    assert norms == {0}  # the base's rules stay


CHECKS: dict[str, Callable[[Config, nn.Module, OptimWrapper, dict], None]] = {
    'Auxiliary head': auxiliary,
    'Hard pixels only': hard,
    'Class weights': weighted,
    'Averaged weights': averaged,
    'Changed colours': coloured,
    'A smaller rate for the backbone': slower,
    'A rate for each block': layered,
    'A frozen backbone': frozen,
    'Warm-up and cosine': warmed,
    'AdamW': adamw,
}


def test_every_fragment_is_short_and_looked_at() -> None:
    assert list(FRAGMENTS) == list(CHECKS)
    assert all(block.text.count('\n') <= 5 for block in FRAGMENTS.values())


@pytest.mark.parametrize('name', FRAGMENTS)
def test_a_fragment_trains_a_step_and_does_what_it_says(name: str, tmp_path: Path) -> None:
    block: Block = FRAGMENTS[name]
    path = tmp_path / 'mine.py'
    path.write_text(next(b.text for b in blocks('docs/recipes') if '_base_' in b.text) + block.text)
    init_default_scope('mmseg')
    cfg = load_config(str(path))
    cfg.model.data_preprocessor.size = (33, 33)
    model = MODELS.build(replace_losses(cfg.model)[0]).train()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    logged = model.train_step(batch(21, void=False), wrapper)
    assert logged['loss'].isfinite()
    assert logged['loss'] > 0
    CHECKS[name](cfg, model, wrapper, logged)
