"""MMEngine's new-style configs do what configs with names of classes do."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmseg.models import FCNHead
from new_style_configs import write_new_style
from places import ROOT
from safetensors.torch import load_file
from tools_conftest import CONFIG, SMALL, Tool

from mmdeeplab import DeepLabPredictor
from mmdeeplab.config.load import load_config
from mmdeeplab.config.new_style import with_names
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.registered import find_class
from mmdeeplab.errors import UserError

LEAVES = sorted((ROOT / 'configs').glob('*.py'))


def same_classes(one: Any, other: Any, path: tuple[str, ...] = ()) -> bool:
    """Whether two configs are the same, however they name their classes."""
    if isinstance(one, (list, tuple)):
        pairs = enumerate(zip(one, other, strict=True))
        return all(same_classes(a, b, (*path, str(i))) for i, (a, b) in pairs)
    if not isinstance(one, dict):
        assert one == other, path
        return True
    if path == ():
        one, other = ({k: v for k, v in x.items() if k != 'custom_imports'} for x in (one, other))
    assert one.keys() == other.keys(), path
    if 'type' in one:
        assert isinstance(one['type'], str)
        one, other = (
            x | dict(type=find_class(x['type'], path, x.get('_scope_'))) for x in (one, other)
        )
    return all(same_classes(one[key], other[key], (*path, key)) for key in one)


@pytest.mark.parametrize('path', LEAVES[::6], ids=lambda path: path.stem)
def test_classes_and_their_dumped_names_become_the_registered_ones(
    path: Path, tmp_path: Path
) -> None:
    named = load_config(str(path))
    assert write_new_style(named, tmp_path / 'new.py') > 15
    Config.fromfile(tmp_path / 'new.py').dump(tmp_path / 'dumped.py')
    dumped = Config.fromfile(tmp_path / 'dumped.py')
    assert dumped.model.type == 'mmdeeplab.models.segmentors.encoder_decoder.EncoderDecoder'
    for file in ('new.py', 'dumped.py'):
        assert same_classes(load_config(str(tmp_path / file)).to_dict(), named.to_dict())


@pytest.mark.slow
def test_a_run_is_the_same_bit_for_bit(
    forked: Tool, trained: dict, data: Path, tmp_path: Path
) -> None:
    """Trained by classes, tested and shared by what the work dir holds."""
    options = [*SMALL, 'train_cfg.max_iters=4', 'default_hooks.checkpoint.interval=2']
    cfg = load_config(str(ROOT / CONFIG), ConfigOptions(options, str(data)))
    write_new_style(cfg, tmp_path / 'new.py')
    work = tmp_path / 'work'
    done = forked('train.py', tmp_path / 'new.py', '--work-dir', work)
    assert done.returncode == 0, done.stderr[-2000:]
    before = load_file(trained['work'] / 'iter_4.safetensors')
    after = load_file(work / 'iter_4.safetensors')
    assert before.keys() == after.keys()
    times = re.compile('time|data_share')
    same = [key for key in before if np.array_equal(before[key], after[key])]
    assert {key for key in before.keys() - same if not times.search(key)} == set()
    for file in (tmp_path / 'new.py', work / 'new.py'):
        done = forked('test.py', file, work / 'iter_4.safetensors')
        assert done.returncode == 0, done.stderr[-2000:]
        assert 'mIoU' in done.stdout
    picture = next((data / 'JPEGImages').iterdir())
    predictor = DeepLabPredictor(work / 'new.py', work)
    predictor.save_pretrained(tmp_path / 'shared')
    shared = DeepLabPredictor.from_pretrained(tmp_path / 'shared')
    assert np.array_equal(shared(picture).labels, predictor(picture).labels)


class Unregistered:
    """A class of the user's own."""


@pytest.mark.parametrize(
    ('path', 'kind', 'name'),
    [
        ('optim_wrapper', OptimWrapper, 'OptimWrapper'),
        ('optim_wrapper', 'mmengine.optim.OptimWrapper', 'OptimWrapper'),  # not where it is defined
        ('optim_wrapper.optimizer', torch.optim.SGD, 'SGD'),
        ('optim_wrapper.optimizer', 'torch.optim.SGD', 'SGD'),
        ('train_dataloader.collate_fn', pseudo_collate, 'pseudo_collate'),
        ('train_dataloader.collate_fn', 'mmengine.dataset.pseudo_collate', 'pseudo_collate'),
        ('model.backbone.norm_cfg', torch.nn.BatchNorm2d, 'BN'),
        ('model.decode_head', FCNHead, 'mmseg.FCNHead'),
        ('model.decode_head', 'mmseg.models.FCNHead', 'mmseg.FCNHead'),
        ('model.neck', 'mmdeeplab.models.necks.ASPPNeck', 'mmdeeplab.ASPPNeck'),
        ('model.neck', 'mmdeeplab.ASPPNeck', 'mmdeeplab.ASPPNeck'),
        ('model.neck', 'ASPPNeck', 'ASPPNeck'),  # for the check to refuse or to find
        ('model.neck', 'os.path.join', 'os.path.join'),
        ('model.neck', 'nowhere.at.all.Neck', 'nowhere.at.all.Neck'),
        ('model.neck', Unregistered, Unregistered),
        ('optim_wrapper.clip_grad', 'norm', 'norm'),
    ],
)
def test_every_way_to_write_a_class(path: str, kind: object, name: object) -> None:
    node: dict = dict(type=kind)
    for key in reversed(path.split('.')):
        node = {key: node}
    new = with_names(Config(node))
    for key in path.split('.'):
        new = new[key]
    assert new.type == name


def test_a_class_that_no_registry_has_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / 'mine.py'
    file.write_text(f'_base_ = {str(ROOT / CONFIG)!r}\nmodel = dict(type="os.path.Mine")\n')
    with pytest.raises(UserError, match=r'model\.type: there is no class os\.path\.Mine'):
        load_config(str(file))


def test_names_of_modules_that_nothing_has_imported_yet(tmp_path: Path) -> None:
    """In a process of its own: here the engine is imported."""
    backend = "dict(type='mmdeeplab.engine.log_files.LocalVisBackend')"
    file = tmp_path / 'dumped.py'
    file.write_text(
        f'_base_ = {str(ROOT / CONFIG)!r}\n'
        f"visualizer = dict(type='mmseg.SegLocalVisualizer', vis_backends=[{backend}])\n"
    )
    code = (
        'from mmdeeplab.config.load import load_config\n'
        f'print(load_config({str(file)!r}).visualizer.vis_backends[0].type)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == 'mmdeeplab.LocalVisBackend', done.stderr[-2000:]
