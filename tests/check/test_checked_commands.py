"""Training and evaluation check their data whatever hooks a config has, as the page promises."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from networks import random_checkpoint
from PIL import Image
from robustness.mini import CONFIG, OPTIONS, call, draw

from mmdeeplab.cli import check_dataset, train
from mmdeeplab.cli import test as test_command
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.engine.hooks.data_check import with_data_check

EMA = "custom_hooks=[{'type':'EMAHook'}]"
DROPPED = ['custom_hooks=[]', 'custom_hooks=None', EMA]


@pytest.fixture(scope='module')
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(
        load_config(CONFIG, ConfigOptions(OPTIONS)), tmp_path_factory.mktemp('weights')
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Every mask holds an id that is no class."""
    root = draw(tmp_path / 'voc')
    for path in (root / 'SegmentationClass').iterdir():
        ids = np.array(Image.open(path))
        ids[:9] = 44
        Image.fromarray(ids).save(path)
    return root


@pytest.mark.parametrize('hooks', DROPPED)
@pytest.mark.parametrize('command', ['train', 'test'])
def test_data_are_checked_without_the_hooks_of_our_configs(
    command: str, hooks: str, data: Path, weights: Path, tmp_path: Path
) -> None:
    shared = ['--data-root', data, '--work-dir', tmp_path / 'work', '--cfg-options', *OPTIONS]
    before = [weights] if command == 'test' else []
    main = test_command.main if command == 'test' else train.main
    status, text = call(main, CONFIG, *before, *shared, hooks)
    assert status == 2, text
    assert 'holds ids 44' in text
    assert 'check_dataset.py' in text  # the command that lists all


@pytest.mark.parametrize('kind', ['DataCheckHook', 'mmdeeplab.DataCheckHook'])
def test_a_check_that_is_there_is_not_made_twice(kind: str) -> None:
    cfg = Config(dict(custom_hooks=[dict(type='EMAHook'), dict(type=kind)]))
    hooks = with_data_check(cfg).custom_hooks
    assert [hook.type for hook in hooks] == ['EMAHook', kind]


def test_a_negative_number_of_processes_is_a_sentence(data: Path) -> None:
    status, text = call(check_dataset.main, CONFIG, '--data-root', data, '--workers', -3)
    assert (status, text.count('\n')) == (2, 1)
    assert '--workers is a number of processes, got -3' in text
