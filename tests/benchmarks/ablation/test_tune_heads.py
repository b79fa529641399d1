"""Heads and their encoder together: their configs, what they start from, one tiny run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from random_encoder import write_voc_and_weights
from tools_conftest import Tool, tool

from benchmarks.ablation.heads import CONFIG, HEADS, Head
from benchmarks.ablation.train_heads import Network
from benchmarks.ablation.tune_heads import LEARNING_RATE, config_text, write_start
from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.config.load import load_config
from mmdeeplab.config.shipped import HOME

__all__ = ['tool']

OF_THE_HEAD = {'model.neck', 'model.decode_head', 'optim_wrapper.paramwise_cfg'}


def config_of(head: Head, folder: Path) -> dict:
    path = folder / 'config.py'
    path.write_text(config_text(head, folder / 'start.pth'))
    return load_config(str(path))


@pytest.mark.parametrize('head', HEADS, ids=lambda head: head.name)
def test_a_head_is_that_of_the_frozen_encoder_and_all_learns(head: Head, tmp_path: Path) -> None:
    cfg = config_of(head, tmp_path)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    shapes = {name: value.shape for name, value in Network(head).named_parameters()}
    whole = {name: value.shape for name, value in model.named_parameters()}
    assert shapes.items() <= whole.items()
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    assert {group['lr'] for group in groups} == {LEARNING_RATE}
    assert sum(len(group['params']) for group in groups) == len(whole)


def test_all_heads_have_one_recipe(tmp_path: Path) -> None:
    """What is not the head's own is equal: data, schedule, encoder, normalisation."""

    def shared(head: Head) -> dict:
        cfg = config_of(head, tmp_path).to_dict()
        model = {key: cfg['model'][key] for key in ('type', 'backbone', 'data_preprocessor')}
        kept = ('train_dataloader', 'test_dataloader', 'param_scheduler', 'load_from')
        return dict(model=model, optimizer=cfg['optim_wrapper']['optimizer']) | {
            key: cfg[key] for key in (*kept, 'test_evaluator', 'custom_hooks', 'channels_last')
        }

    first = shared(HEADS[0])
    assert all(shared(head) == first for head in HEADS[1:])
    mean = load_config(str(HOME / CONFIG)).model.data_preprocessor.mean
    assert first['model']['data_preprocessor']['mean'] == mean


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Pictures, and a checkpoint of random weights with calibrated statistics."""
    return write_voc_and_weights(tmp_path_factory.mktemp('tuned'), train=8)


@pytest.mark.parametrize('name', ['decoder', 'spp'])
def test_training_starts_from_the_encoder_and_the_head(
    name: str, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    (head,) = (head for head in HEADS if head.name == name)
    network = Network(head)
    before = read_checkpoint(trained[1])['state_dict']
    after = read_checkpoint(write_start(trained[1], network, tmp_path / 'start.pth'))['state_dict']
    init_default_scope('mmseg')
    MODELS.build(config_of(head, tmp_path).model).load_state_dict(after)  # every tensor fits
    own = network.state_dict()
    assert all(torch.equal(after[key], own[key]) for key in own)
    assert all(torch.equal(after[key], before[key]) for key in {*after} - {*own})


@pytest.mark.slow
def test_a_real_run(tool: Callable[..., Tool], trained: tuple[Path, Path], tmp_path: Path) -> None:
    data, checkpoint = trained
    size, crop = (f'{key}=65,65' for key in ('size', 'crop_size'))
    ran = tool(
        'ablate.py', '--encoder', checkpoint, '--train-encoder', '--data', data, '--seeds', 1,
        '--only', 'aspp', '--iters', 2, '--out', tmp_path, '--cfg-options',
        f'model.data_preprocessor.{size}', f'train_dataloader.dataset.pipeline.2.{crop}',
        'train_dataloader.batch_size=4',
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    summary = json.loads((tmp_path / 'results.json').read_text())
    assert [entry['variant'] for entry in summary['heads']] == ['aspp', 'aspp-at-8']
    assert not summary['settings']['frozen']
    work = tmp_path / 'work/aspp-seed0'
    assert 'left as initialised' not in (work / 'output.txt').read_text()
    assert not [*work.glob('*.safetensors'), *work.glob('*.pth')]
