"""BatchNorm's policy: what is chosen, what it does to layers, and that no batch of one crashes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch import nn
from torch.utils.data import DataLoader

from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.datasets.samplers import ResumableSampler
from mmdeeplab.engine.dataloader_checks import require_batches, whole_batches
from mmdeeplab.errors import UserError
from mmdeeplab.models.load import load_weights
from mmdeeplab.models.norms.bn_policy import Setting, apply_policy, decide
from mmdeeplab.models.norms.norm_layers import (
    FrozenBatchNorm,
    frozen,
    grouped,
    norm_layers,
    trained_layers,
)

MOBILE = 'deeplabv3plus_mobilenetv2_voc'


@pytest.mark.parametrize(
    ('setting', 'mode'),
    [
        (Setting(16), 'train'),
        (Setting(4), 'train'),
        (Setting(3), 'group'),
        (Setting(3, pretrained='part'), 'mixed'),
        (Setting(3, pretrained='whole'), 'frozen'),
        (Setting(2, processes=8, gpu=True), 'sync'),
        (Setting(16, processes=8, gpu=True), 'sync'),
        (Setting(1, processes=2, gpu=True), 'group'),
        (Setting(2, processes=8), 'group'),  # gloo: every process normalises alone
        (Setting(8, processes=2), 'train'),
        (Setting(2, pretrained='whole', before='group'), 'group'),
    ],
)
def test_auto_goes_by_the_images_behind_a_statistic(setting: Setting, mode: str) -> None:
    assert decide('auto', setting).mode == mode


def test_what_is_asked_for_is_done() -> None:
    for policy in ('train', 'frozen', 'group'):
        assert decide(policy, Setting(1, pretrained='whole')).mode == policy
    assert decide('sync', Setting(1, 8, gpu=True)).mode == 'sync'
    assert decide('sync', Setting(1)).mode == 'train'
    assert 'stay 0 and 1' in decide('frozen', Setting(1)).reason
    assert str(decide('auto', Setting(2))) == (
        'BatchNorm: replaced by group norm (2 images a device, fewer than 4, and no pre-trained '
        'statistics)'
    )


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match=r"auto, train, sync, frozen, group, None, got 'sometimes'"):
        decide('sometimes', Setting(8))
    with pytest.raises(UserError, match='needs GPUs'):
        decide('sync', Setting(8, processes=2))


def test_a_frozen_layer_is_the_formula_of_its_statistics_for_ever() -> None:
    layer = nn.BatchNorm2d(8, eps=1e-3)
    layer(torch.randn(16, 8, 3, 3) * 3 + 1)
    nn.init.uniform_(layer.weight)
    mean, variance = layer.running_mean.clone(), layer.running_var.clone()
    twin = nn.Sequential(frozen(layer)).train()[0]
    assert not twin.training
    x = torch.randn(1, 8, 1, 1, dtype=torch.float64).float()
    want = (x - mean.view(1, -1, 1, 1)) / (variance.view(1, -1, 1, 1) + 1e-3) ** 0.5
    want = want * layer.weight.view(1, -1, 1, 1) + layer.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(twin(x), want)
    assert torch.equal(twin.running_mean, mean)
    assert not any(p.requires_grad for p in twin.parameters())
    assert set(twin.state_dict()) == set(nn.BatchNorm2d(8).state_dict())


@pytest.mark.parametrize('channels', [21, 24, 48, 128, 304, 728])
def test_groups_hold_at_least_four_channels(channels: int) -> None:
    layer = nn.BatchNorm2d(channels)
    group = grouped(layer)
    assert group.weight is layer.weight
    assert channels % group.num_groups == 0
    assert group.num_groups == 1 or channels // group.num_groups >= 4
    group.train()(torch.randn(1, channels, 1, 1))  # one value a channel


def count(model: nn.Module, kind: type) -> int:
    return sum(isinstance(module, kind) for module in model.modules())


def config(batch: int, **keys: object) -> Config:
    return Config(dict(train_dataloader=dict(batch_size=batch), **keys))


def test_four_images_leave_the_network_as_it_is(build: Callable[..., nn.Module]) -> None:
    model = build(MOBILE)
    layers = dict(norm_layers(model))
    assert apply_policy(model, config(4, bn_policy='auto'), 1, False).mode == 'train'
    after = norm_layers(model)
    assert list(layers) == list(after)
    assert len(layers) > 40
    assert all(layers[name] is after[name] for name in layers)


def test_a_pretrained_backbone_is_frozen_and_the_rest_grouped(
    build: Callable[..., nn.Module],
) -> None:
    model = build(MOBILE)
    total = count(model, nn.BatchNorm2d)
    inside = count(model.backbone, nn.BatchNorm2d)
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint='x.pth')
    assert apply_policy(model, config(2), 1, False).mode == 'mixed'
    assert count(model.backbone.train(), FrozenBatchNorm) == inside
    assert count(model, nn.GroupNorm) == total - inside > 0


def test_a_whole_checkpoint_freezes_and_resuming_keeps_the_mode(
    build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    path = tmp_path / 'a.pth'
    model = build(MOBILE)
    torch.save(dict(state_dict=model.state_dict(), meta=dict(batch_norm='frozen')), path)
    plan = apply_policy(model, config(2, load_from=str(path)), 1, False)
    assert plan.mode == 'frozen'
    assert count(model, FrozenBatchNorm) == count(model, nn.BatchNorm2d) > 0
    again = build(MOBILE)
    plan = apply_policy(again, config(16, load_from=str(path), resume=True), 1, False)
    assert (plan.mode, plan.reason) == ('frozen', 'as in the run that is resumed')


def test_what_the_config_freezes_is_left_to_it(build: Callable[..., nn.Module]) -> None:
    model = build(MOBILE, model__backbone__norm_eval=True)
    assert not any(name.startswith('backbone') for name in trained_layers(model))
    apply_policy(model, config(2), 1, False)
    assert count(model.backbone, nn.GroupNorm) == 0
    assert count(model.neck, nn.GroupNorm) > 0
    vgg = nn.Sequential(nn.Conv2d(3, 4, 3))
    assert apply_policy(vgg, config(2), 1, False).mode == 'none'
    assert apply_policy(model, config(2, bn_policy=None), 1, False) is None


def test_a_checkpoint_with_group_norm_loads_into_the_config_as_written(
    build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    trained, plain = build(MOBILE), build(MOBILE)
    apply_policy(trained, config(1), 1, False)
    torch.save(dict(state_dict=trained.state_dict()), tmp_path / 'a.pth')
    load_weights(plain, tmp_path / 'a.pth')
    x = torch.randn(1, 3, 33, 33)
    with torch.no_grad():
        assert torch.equal(plain.eval()(x), trained.eval()(x))


def test_partial_batches_are_dropped_unless_the_config_says_otherwise() -> None:
    assert whole_batches(dict(batch_size=4))['drop_last'] is True
    assert whole_batches(dict(batch_size=4, drop_last=False))['drop_last'] is False
    assert 'drop_last' not in whole_batches(dict(batch_sampler=dict()))


def test_a_loader_without_a_batch_is_refused() -> None:
    data = list(range(3))

    def loader(sampler: type) -> DataLoader:
        return DataLoader(data, 4, sampler=sampler(data), drop_last=True)

    require_batches(loader(InfiniteSampler))
    require_batches(loader(ResumableSampler))
    with pytest.raises(UserError, match='3 training images make no batch of 4'):
        require_batches(loader(DefaultSampler))


@pytest.mark.slow
@pytest.mark.parametrize(
    ('batch', 'policy', 'loop', 'steps'),
    [
        (4, 'auto', 'epochs', 1),  # 5 images: the fifth is left out
        (4, 'train', 'iterations', 3),
        (1, 'train', 'epochs', 5),
        (1, 'auto', 'iterations', 3),
        (1, 'frozen', 'iterations', 1),
    ],
)
def test_no_batch_crashes(tmp_path: Path, batch: int, policy: str, loop: str, steps: int) -> None:
    """Five images: size % 4 == 1."""
    from mmdeeplab.engine.runner import DeepLabRunner

    root = tmp_path / 'mini'
    generate(root, MiniVoc(train=5, val=1, size=48), quiet=True)
    cfg = small_config(root, tmp_path / 'work', batch)
    cfg.bn_policy = policy
    if loop == 'epochs':
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
        cfg.train_dataloader.sampler.type = 'DefaultSampler'
        cfg.train_dataloader.pop('drop_last')
        cfg.default_hooks.checkpoint.by_epoch = True
        cfg.param_scheduler = []
    else:
        cfg.train_cfg.max_iters = steps
    runner = DeepLabRunner.from_cfg(cfg)
    runner.train()
    assert runner.iter == steps
    assert all(torch.isfinite(p).all() for p in runner.model.parameters())


def small_config(root: Path, work: Path, batch: int) -> Config:
    from places import ROOT

    cfg = Config.fromfile(ROOT / 'configs' / 'deeplabv3_mobilenetv2-dm05_voc.py')
    cfg.work_dir = str(work)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=str(root), mask_dir='SegmentationClass')
    cfg.train_dataloader.dataset.split = 'train'
    cfg.train_dataloader.batch_size = batch
    cfg.train_dataloader.dataset.pipeline[2].crop_size = (33, 33)
    cfg.model.data_preprocessor.update(size=(33, 33), test_size=(49, 49))
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.optim_wrapper.optimizer.lr = 1e-4
    return cfg
