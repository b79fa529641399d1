"""The hostile files are alive, and at our doors they are dead."""

import pickle
import random
import sys
from pathlib import Path

import pytest
import torch
import yaml

from robustness import hostile, hostile_files
from robustness.hostile_data import data_sets
from robustness.watch import Watch


@pytest.fixture(scope='module')
def watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    return Watch(tmp_path_factory.mktemp('watched'))


def test_there_are_sixty() -> None:
    cases = hostile.cases()
    assert len(cases) >= 60
    doors = {case.door for case in cases}
    assert {*hostile.DOORS, 'config', 'option', 'data', 'work dir', 'convert tf'} <= doors


@pytest.mark.parametrize('by', hostile_files.CALLS)
@pytest.mark.parametrize('legacy', [False, True])
def test_checkpoints_run_where_they_may(
    tmp_path: Path, watch: Watch, by: str, legacy: bool
) -> None:
    path = hostile_files.saved('meta', by, legacy)(tmp_path, watch)
    with watch.looking():
        torch.load(path, weights_only=False)
    assert 'outside changed: canary' in watch.seen()
    if watch.canary.is_dir():
        watch.canary.rmdir()


def test_a_bare_pickle_runs(tmp_path: Path, watch: Watch) -> None:
    path = hostile_files.plain(4, '.pth')(tmp_path, watch)
    with watch.looking():
        pickle.loads(path.read_bytes())
    assert watch.seen()


def test_yaml_runs(tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(c for c in hostile_files.configs() if c.name == 'config: apply')
    with watch.looking():
        yaml.unsafe_load(case.make(tmp_path, watch).read_text())
    assert watch.seen()
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop('evil_module', None)
    with watch.looking():
        __import__('evil_module')
    assert watch.seen()


def test_reading_the_secret_is_noticed(tmp_path: Path, watch: Watch) -> None:
    case = next(c for c in data_sets() if c.name.startswith('link: classes'))
    root = case.make(tmp_path, watch)
    with watch.looking():
        (root / 'classes.txt').read_text()
    assert any('open' in deed for deed in watch.seen())
    with watch.looking():
        pass
    assert not watch.seen()


@pytest.mark.slow
def test_a_sample_of_them_is_refused_without_harm(tmp_path: Path) -> None:
    random.seed(2)
    outcome = hostile.run(14, tmp_path)
    assert outcome.survived == outcome.tried == 14, outcome.failures
