"""The recipe of a run beside the published one."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.optim import PolyLR
from places import ROOT

from mmdeeplab.engine.hooks.recipe import (
    UNKNOWN,
    RecipeHook,
    compare,
    crop,
    effective,
    schedule,
    table,
)
from mmdeeplab.models.norms.bn_policy import Plan

LEAVES = sorted((ROOT / 'configs').glob('*_voc.py'))
# Section 5 of the specification: config -> published mIoU on VOC val, single scale, no CRF.
PUBLISHED = {
    'deeplabv1_vgg16_voc': 62.25,
    'deeplabv1_vgg16-msc_voc': 64.21,
    'deeplabv2_vgg16_voc': 68.96,
    'deeplabv2_vgg16-aspp-s_voc': 66.98,
    'deeplabv2_vgg16-largefov_voc': 65.76,
    'deeplabv2_r101_voc': 76.35,
    'deeplabv3_r101_voc': 77.21,
    'deeplabv3_r101-beta_voc': 77.21,
    'deeplabv3_r101-beta-block7_voc': 76.66,
    'deeplabv3_mobilenetv2_voc': 75.32,
    'deeplabv3_mobilenetv2-dm05_voc': 70.19,
    'deeplabv3plus_r101_voc': 78.85,
    'deeplabv3plus_r101-beta_voc': 78.85,
    'deeplabv3plus_xception_voc': 79.79,
}


class Counted(list):
    """A data set that is only counted."""

    def __init__(self, count: int, split: str) -> None:
        super().__init__([0] * count)
        self.split = split


def runner(name: str, world_size: int = 1, **changes: object) -> SimpleNamespace:
    """What the recipe reads of a runner, on a full VOC."""
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    cfg.merge_from_dict(changes)
    train = SimpleNamespace(dataset=Counted(10582, cfg.train_dataloader.dataset.split))
    val = SimpleNamespace(dataloader=SimpleNamespace(dataset=Counted(1449, 'val')))
    bn = (cfg.get('published') or {}).get('bn', 'train')
    defaults = dict(lr=cfg.optim_wrapper.optimizer.lr)
    return SimpleNamespace(
        cfg=cfg,
        train_dataloader=train,
        val_loop=val,
        optim_wrapper=SimpleNamespace(optimizer=SimpleNamespace(defaults=defaults)),
        world_size=world_size,
        max_iters=cfg.train_cfg.max_iters,
        batch_norm=Plan(bn, ''),
        logger=logging.getLogger('recipe'),
    )


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_configs_are_the_published_recipe_but_for_the_weights(path: Path) -> None:
    """A config that is its number's recipe differs in pre-training alone: it ships no weights."""
    published = Config.fromfile(path).get('published') or {}
    why = 'another network than its parent has no number: published = dict(mIoU=None)'
    assert published.get('mIoU') == PUBLISHED.get(path.stem), why
    different = [
        row.name for row in compare(effective(runner(path.stem)), published) if row.differs
    ]
    exceptions = {'deeplabv1_vgg16_voc': ['global batch']}  # the number's was 30, the solver's 20
    wanted = [*exceptions.get(path.stem, []), 'pre-training'] if published.get('mIoU') else []
    assert different == wanted


def test_every_number_belongs_to_a_config() -> None:
    assert set(PUBLISHED) <= {path.stem for path in LEAVES}


def test_processes_and_accumulation_make_the_global_batch() -> None:
    name = 'deeplabv3plus_xception_voc'
    eight = runner(name, 8, **{'train_dataloader.batch_size': 2})
    assert effective(eight)['batch'] == 16
    slow = runner(
        name, **{'train_dataloader.batch_size': 4, 'optim_wrapper.accumulative_counts': 4}
    )
    assert effective(slow)['batch'] == 16


def test_differences_are_marked_and_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    changes = {
        'train_dataloader.batch_size': 2,
        'optim_wrapper.optimizer.lr': 0.01,
        'load_from': 'weights/imagenet.pth',
    }
    with caplog.at_level(logging.INFO):
        RecipeHook().before_train(runner('deeplabv3plus_xception_voc', **changes))
    text, warned = (record.message for record in caplog.records)
    lines = text.splitlines()
    assert [line.split('  ')[1] for line in lines if 'differs' in line] == [
        'global batch',
        'learning rate',
    ]
    starts = {line.rindex(part) for line, part in zip(lines[2:4], ('16 ', '513'), strict=True)}
    assert starts == {lines[1].index('published')}
    assert 'published 79.79 mIoU (DeepLabv3+, arXiv 1802.02611): global batch, learning' in warned


def test_without_a_number_only_this_run_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        RecipeHook().before_train(runner('deeplabv3plus_xception_mini-voc'))
    assert len(caplog.records) == 1
    assert 'recipe (no published number): global batch 8, crop 97, learning' in caplog.text


def test_words() -> None:
    steps = dict(type='MultiStepLR', milestones=[2000, 4000], gamma=0.1)
    assert schedule(Config(dict(param_scheduler=[steps]))) == 'x0.1 at 2000, 4000'
    floor = dict(type='PolyLR', power=0.9, eta_min=1e-4)
    assert schedule(Config(dict(param_scheduler=[floor]))) == 'poly 0.9, at least 0.0001'
    assert schedule(Config({})) == 'constant'
    inner = dict(pipeline=[dict(type='RandomCrop', crop_size=(65, 97))])
    wrapped = dict(train_dataloader=dict(dataset=dict(datasets=[inner])))
    assert crop(Config(wrapped)) == '65 x 97'


def test_an_unknown_published_value_is_a_dash() -> None:
    rows = compare(dict(batch=16), dict(mIoU=1.0))
    assert not any(row.differs for row in rows)
    assert table(rows, dict(mIoU=1.0)).splitlines()[3].endswith('-')


@pytest.mark.parametrize(
    ('plan', 'words'),
    [
        (None, 'constant'),
        ([], 'constant'),
        (dict(type='PolyLR', power=0.9), 'poly 0.9'),
        ([dict(type='LinearLR'), dict(type='PolyLR', power=2)], 'LinearLR, then poly 2'),
        ([dict(type='MultiStepLR', milestones=[5, 7])], 'x0.1 at 5, 7'),
        (dict(type=PolyLR, power=0.5), 'poly 0.5'),
        (dict(type='mmengine.CosineAnnealingLR', T_max=9), 'CosineAnnealingLR'),
    ],
)
def test_schedules_as_mmengine_takes_them(plan: object, words: str) -> None:
    assert schedule(Config(dict(param_scheduler=plan))) == words


def test_what_a_config_leaves_to_the_parts_is_told_or_not_known() -> None:
    here = runner('deeplabv3plus_xception_voc')
    del here.cfg.optim_wrapper.optimizer['lr']
    here.optim_wrapper.optimizer.defaults = dict(lr=0.25)
    del here.cfg.model['backbone']
    assert effective(here)['lr'] == 0.25
    assert effective(here)['output_stride'] == UNKNOWN
