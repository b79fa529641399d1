"""Classes are compared by name and order wherever weights meet data."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from networks import random_checkpoint
from PIL import Image
from places import ROOT
from robustness.tiny import Noise, tiny_runner
from safetensors.torch import save_file

from mmdeeplab import DeepLabPredictor
from mmdeeplab.checkpoint.class_order import by_name, in_order, require_order
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.engine.runner import DeepLabRunner
from mmdeeplab.errors import UserError
from mmdeeplab.export.samples import read_samples
from mmdeeplab.serve.answers import describe
from mmdeeplab.visualization.voc_palette import VOC_CLASSES

NAME = 'deeplabv3plus_mobilenetv2_mini-voc'
ORDER = [0, *range(20, 0, -1)]  # where each class goes


@pytest.fixture(scope='module')
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures with classes in two orders, and weights that name theirs, or do not."""
    folder = tmp_path_factory.mktemp('order')
    generate(folder / 'data', MiniVoc(train=2, val=3, size=64), quiet=True)
    shutil.copytree(folder / 'data', folder / 'turned')
    names = [VOC_CLASSES[i] for i in ORDER]
    (folder / 'turned' / 'classes.txt').write_text('\n'.join(names) + '\n')
    for path in (folder / 'turned' / 'SegmentationClass').glob('*.png'):
        mask = np.array(Image.open(path))
        turned = np.where(mask == 255, 255, np.array([*ORDER, *range(21, 256)])[mask])
        Image.fromarray(turned.astype(np.uint8)).save(path)
    state = torch.load(random_checkpoint(config(folder, 'data'), folder))['state_dict']
    save_file(state, folder / 'named.safetensors', dict(classes=json.dumps(VOC_CLASSES)))
    save_file(state, folder / 'unnamed.safetensors')
    return folder


def config(work: Path, data: str) -> Config:
    options = ['num_workers=0', 'persistent_workers=False', f'dataset.data_root={work / data}']
    return load_config(
        str(ROOT / 'configs' / f'{NAME}.py'),
        ConfigOptions(
            [f'{split}_dataloader.{o}' for split in ('train', 'val', 'test') for o in options]
        ),
    )


def evaluated(kind: type[Runner], work: Path, data: str, weights: str, folder: Path) -> dict:
    cfg = config(work, data)
    cfg.work_dir, cfg.load_from = str(folder), str(work / f'{weights}.safetensors')
    cfg.experiment_name = folder.name  # MMEngine's runs of one second and name share a folder
    return kind.from_cfg(cfg).test()


def test_evaluation_maps_by_name(work: Path, tmp_path: Path) -> None:
    wanted = evaluated(DeepLabRunner, work, 'data', 'named', tmp_path)
    found = evaluated(DeepLabRunner, work, 'turned', 'named', tmp_path)
    for key in ('mIoU', 'mAcc', 'aAcc'):
        assert found[key] == pytest.approx(wanted[key], abs=1e-3)
    unnamed = evaluated(DeepLabRunner, work, 'turned', 'unnamed', tmp_path)
    assert unnamed['mIoU'] != pytest.approx(wanted['mIoU'], abs=1e-3)  # nothing is known of it


@pytest.mark.parametrize('kind', [DeepLabRunner, Runner])
def test_evaluation_refuses_other_names(work: Path, tmp_path: Path, kind: type[Runner]) -> None:
    """MMEngine's own Runner refuses another order, too."""
    data = 'turned'
    if kind is DeepLabRunner:
        shutil.copytree(work / 'turned', work / 'other')
        text = (work / 'other' / 'classes.txt').read_text()
        (work / 'other' / 'classes.txt').write_text(text.replace('horse', 'pony'))
        data = 'other'
    with pytest.raises(UserError, match=r'named\.safetensors are not those of .*class 1 is aeropl'):
        evaluated(kind, work, data, 'named', tmp_path)


def test_export_refuses_another_order(work: Path) -> None:
    cfg = config(work, 'data')
    assert read_samples(cfg, work / 'data', 1, 21, names=VOC_CLASSES)
    assert read_samples(cfg, work / 'turned', 1, 21)
    with pytest.raises(UserError, match='in another order: class 1 is aeroplane there'):
        read_samples(cfg, work / 'turned', 1, 21, names=VOC_CLASSES)


@pytest.mark.parametrize('data', ['data', 'turned'])
def test_predictions_have_the_names_of_the_file(work: Path, data: str) -> None:
    """Also those of the page of ``serve``, whatever data the config has at hand."""
    predictor = DeepLabPredictor(config(work, data), work / 'named.safetensors', 'cpu')
    result = predictor(np.zeros((64, 64, 3), np.uint8))
    assert predictor.classes == result.classes == tuple(VOC_CLASSES)
    assert [row['name'] for row in describe(result.classes, result.palette)] == list(VOC_CLASSES)


@pytest.mark.parametrize('classes', [('b', 'a'), ('a', 'c'), ('a', 'b', 'c')])
def test_resume_refuses_other_classes(
    tmp_path: Path, classes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_runner(tmp_path, 2).train()
    monkeypatch.setattr(Noise, 'metainfo', dict(classes=classes))
    with pytest.raises(UserError, match=r'iter_2\.safetensors are not those of the data'):
        tiny_runner(tmp_path, 4, resume=True).train()


def test_lists_of_names() -> None:
    assert in_order(None, ['a'])
    assert in_order(['a'], None)
    assert in_order(['A ', 'dining table'], ['a', 'Dining_Table'])
    assert not in_order(['a', 'b'], ['b', 'a'])
    with pytest.raises(UserError, match='other ones: class 2 is nothing there, c here'):
        require_order(['a', 'b'], ['a', 'b', 'c'], 'file', 'data')


def test_rows_follow_names() -> None:
    state = {'head.weight': torch.arange(3.0), 'other': torch.arange(3.0)}
    found = by_name(state, ['head.weight'], ['a', 'b', 'c'], ['C', 'a', 'b'])
    assert found is not None
    assert found['head.weight'].tolist() == [2, 0, 1]
    assert found['other'].tolist() == [0, 1, 2]
    assert by_name(state, ['head.weight'], ['a', 'b', 'c'], ['a', 'b', 'd']) is None
    assert by_name(state, [], ['a', 'b', 'c'], ['c', 'a', 'b']) is None
    assert by_name(state, ['head.weight'], ['a', 'a', 'b'], ['a', 'b', 'a']) is None
