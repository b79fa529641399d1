"""Configs of Cityscapes, ADE20K, COCO-Stuff and PASCAL Context: data, recipes, figures, runs."""

import copy
import dataclasses
import functools
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from mini_sets import MAKERS, mini, write_archives
from mmengine.config import Config
from places import ROOT

from mmdeeplab.cli import check_dataset
from mmdeeplab.cli import test as test_command
from mmdeeplab.cli import train as train_command
from mmdeeplab.config.protocols import configured_protocol
from mmdeeplab.datasets.named_classes import named_classes
from mmdeeplab.datasets.prepare.prepare import prepare
from mmdeeplab.datasets.prepare.table import DATA_SETS, DataSet
from mmdeeplab.engine.hooks.recipe import compare, effective
from mmdeeplab.models.norms.bn_policy import Plan
from mmdeeplab.weights.model_zoo import load

LEAVES = sorted(
    path
    for path in (ROOT / 'configs').glob('*.py')
    if path.stem.endswith((*(f'_{name}' for name in DATA_SETS), '_pascal-context-59'))
)
leaves = pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)


read = functools.cache(Config.fromfile)


def data_of(path: Path) -> DataSet:
    return DATA_SETS[path.stem.rpartition('_')[2].removesuffix('-59')]


def test_there_are_configs_of_every_data_set_and_version() -> None:
    found = {(path.stem.split('_')[0], data_of(path).name) for path in LEAVES}
    names = [data.name for data in DATA_SETS.values()]
    assert found >= {(v, name) for v in ('deeplabv3', 'deeplabv3plus') for name in names}
    assert all((ROOT / f'configs/{data.example}.py').is_file() for data in DATA_SETS.values())


@leaves
def test_a_config_reads_what_the_preparation_makes(path: Path) -> None:
    cfg, data = read(path), data_of(path)
    for role in ('train', 'val', 'test'):
        node = cfg[f'{role}_dataloader'].dataset
        assert node.data_root == f'data/{data.folder}'
        assert (node.get('image_dir', 'JPEGImages'), node.get('img_suffix', '.jpg')) == (
            dataclasses.astuple(data.images)
        )
        assert (node.mask_dir, node.get('seg_map_suffix', '.png')) == dataclasses.astuple(
            data.masks
        )
        assert node.split == data.splits[role != 'train'].list_name
        classes = named_classes(node.metainfo.classes).classes
        heads = [cfg.model.decode_head, *filter(None, [cfg.model.get('auxiliary_head')])]
        assert {head.num_classes for head in heads} == {len(classes)}
        # Which stored id is class 0: void stands before it, is a class of its own, or is 255.
        void = (node.get('ignore_index', 255) == 0, node.get('reduce_zero_label', False))
        first = {'wall': (False, True), 'other': (True, False), 'aeroplane': (False, True)}
        assert void == first.get(classes[0], (False, False))


@leaves
def test_a_config_evaluates_by_the_protocol_that_it_names(path: Path) -> None:
    cfg = read(path)
    assert configured_protocol(cfg) == cfg.published.protocol
    assert cfg.val_dataloader == cfg.test_dataloader


class Counted(list):
    def __init__(self, count: int, split: str) -> None:
        super().__init__([0] * count)
        self.split = split


@leaves
def test_a_config_is_the_recipe_of_its_figure(path: Path) -> None:
    cfg, (train, val) = read(path), data_of(path).splits
    runner = SimpleNamespace(
        cfg=cfg,
        train_dataloader=SimpleNamespace(dataset=Counted(train.count, train.list_name)),
        val_loop=SimpleNamespace(dataloader=SimpleNamespace(dataset=Counted(val.count, 'val'))),
        optim_wrapper=SimpleNamespace(
            optimizer=SimpleNamespace(defaults=dict(lr=cfg.optim_wrapper.optimizer.lr))
        ),
        world_size=1,
        max_iters=cfg.train_cfg.max_iters,
        batch_norm=Plan('train', ''),
    )
    rows = compare(effective(runner), cfg.published)
    assert [row.name for row in rows if row.differs] == (
        ['pre-training'] if cfg.published.mIoU else []
    )


# Figures without a checkpoint: DeepLabv3+, table 7.
OF_PAPERS = {'deeplabv3plus_xception71_cityscapes': 79.55}


@leaves
def test_a_figure_is_that_of_a_published_checkpoint(path: Path) -> None:
    """Of the model zoo, whose rows are compared with the publishers' own lists elsewhere."""
    cfg = read(path)
    if cfg.published.mIoU is None:
        return
    if path.stem in OF_PAPERS:
        assert cfg.published.mIoU == OF_PAPERS[path.stem]
        return
    steps = f'_{cfg.train_cfg.max_iters // 1000}k_'
    figures = {
        row.name: row.results[0].miou
        for row in load()
        if row.config == path.name and (row.importer == 'tf' or steps in row.name)
    }
    assert cfg.published.mIoU in figures.values(), figures


def test_networks_of_tensorflow_are_those_of_voc_with_other_classes() -> None:
    """So that what is proved of the importer's names and of the networks holds for them."""
    seen = 0
    for path in LEAVES:
        if '-mmseg_' in path.stem or '-dpc_' in path.stem:
            continue
        stem = path.stem.rpartition('_')[0]
        ours, voc = (copy.deepcopy(read(p).model) for p in (path, path.with_stem(f'{stem}_voc')))
        for model in (ours, voc):
            model.data_preprocessor.pop('size')
            model.data_preprocessor.pop('test_size', None)
            model.decode_head.pop('num_classes')
        if ours.neck and not ours.neck.pop('image_pooling', True):
            assert path.stem in OF_PAPERS  # no file is read into it
        assert ours == voc, path.stem
        seen += 1
    assert seen >= 7


def test_the_page_has_every_config_with_its_figures() -> None:
    page = (ROOT / 'docs/datasets.md').read_text()
    listed = {
        name: (protocol, figure)
        for name, protocol, figure in re.findall(
            r'^\| `(\w[\w-]+_[\w-]+)` \| `([\w-]+)` \| (\S+) \|', page, re.M
        )
    }
    figures = {
        path.stem: (
            read(path).published.protocol,
            f'{mIoU:.2f}' if (mIoU := read(path).published.mIoU) else '-',
        )
        for path in LEAVES
    }
    assert listed == figures


RUNS = [
    ('deeplabv3_mobilenetv2_cityscapes', 'cityscapes'),
    ('deeplabv3plus_mobilenetv2-d8-mmseg_ade20k', 'ade20k'),
    ('deeplabv3plus_mobilenetv2_ade20k', 'ade20k'),
    ('deeplabv3_r50-d8-mmseg_coco-stuff', 'coco-stuff'),
    ('deeplabv3plus_r50-d8-mmseg_pascal-context', 'pascal-context'),
]


def small(cfg: Config) -> list[str]:
    """Small crops and batches, no worker processes, two steps."""
    options = []
    for i, step in enumerate(cfg.train_dataloader.dataset.pipeline):
        key = f'train_dataloader.dataset.pipeline.{i}'
        options += [f'{key}.crop_size=(33,33)'] if 'crop_size' in step else []
        options += [f'{key}.scale=(64,64)'] if step.type in ('Resize', 'RandomResize') else []
    for i, step in enumerate(cfg.test_dataloader.dataset.pipeline):
        if step.type == 'Resize':
            keys = [f'{role}_dataloader.dataset.pipeline.{i}.scale' for role in ('val', 'test')]
            options += [f'{key}=(64,64)' for key in keys]
    if '-d8-mmseg_' in Path(cfg.filename).stem:  # 512 channels at output stride 8 take their time
        maps = cfg.model.decode_head.in_channels
        narrow = 32 if isinstance(maps, int) else f'({maps[0]},32)'
        options += ['model.neck.channels=32', 'model.decode_head.channels=32']
        options += [f'model.decode_head.in_channels={narrow}']
    if cfg.model.test_cfg.mode == 'slide':
        options += ['model.test_cfg.crop_size=(33,33)', 'model.test_cfg.stride=(31,31)']
    for role in ('train', 'val', 'test'):
        options += [f'{role}_dataloader.{key}' for key in ('num_workers=0', 'persistent_workers=0')]
    return [
        *(option.replace('persistent_workers=0', 'persistent_workers=False') for option in options),
        *('model.data_preprocessor.size=(33,33)', 'model.data_preprocessor.test_size=(1,1)'),
        *('train_dataloader.batch_size=2', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2'),
        'default_hooks.checkpoint.save_best=None',
    ]


@pytest.mark.slow
@pytest.mark.parametrize(('config', 'name'), RUNS, ids=[config for config, _ in RUNS])
def test_prepared_checked_trained_and_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture, config: str, name: str
) -> None:
    write_archives(tmp_path / 'archives', MAKERS[name]())
    folder = prepare(mini(name), tmp_path, tmp_path / 'archives', quiet=True).folder
    path = str(ROOT / f'configs/{config}.py')
    data = ['--data-root', str(folder)]
    assert check_dataset.main([path, *data]) == 0
    assert '4 train, 2 val, 2 test images: 0 errors' in capsys.readouterr().out
    options = ['--cfg-options', *small(Config.fromfile(path))]
    work = ['--work-dir', str(tmp_path / 'work')]
    assert train_command.main([path, *data, *work, *options]) == 0
    out = tmp_path / 'report'
    checkpoint = str(tmp_path / 'work/iter_2.safetensors')
    assert test_command.main([path, checkpoint, *data, '--out', str(out), *options]) == 0
    metrics = json.loads((out / 'metrics.json').read_text())
    assert metrics['num_images'] == 2
    classes = named_classes(Config.fromfile(path).val_dataloader.dataset.metainfo.classes).classes
    assert list(metrics['per_class']) == list(classes)
