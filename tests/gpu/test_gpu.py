"""Training, evaluation, prediction and export on pretended GPUs, and what a step may cost."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mmdeeplab.datasets.mini_voc import MiniVoc, generate

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from cases import ONE, RANKS, TWO  # noqa: E402
from rules import RULES  # noqa: E402

pytestmark = pytest.mark.slow
# Xception-65 on VOC's recipe, four images a step, with all hooks, in a step that logs nothing.
STEP = dict(launches=1100, waits=2, pageable=0)
IMAGE = dict(waits=2, pageable=0)  # evaluated
PREDICTED = dict(waits=3, pageable=0)


def start(folder: Path, *names: str, **rank: object) -> subprocess.Popen:
    """A process with pretended GPUs."""
    env = os.environ | dict(OMP_NUM_THREADS='1') | {k: str(v) for k, v in rank.items()}
    command = [sys.executable, str(HERE / 'child.py'), str(folder), *names]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(children: list[subprocess.Popen], file: Path) -> dict:
    """The results of the first of them."""
    printed = [child.communicate(timeout=900)[0].decode() for child in children]
    assert file.is_file(), printed[0][-2000:]
    return json.loads(file.read_text())


def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set of 8 pictures to train on and 2 to evaluate."""
    folder = tmp_path_factory.mktemp('gpu')
    generate(folder / 'data', MiniVoc(train=8, val=2, size=64), quiet=True)
    return folder


@pytest.fixture(scope='module')
def one(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the cases gave on one GPU."""
    folder = data(tmp_path_factory)
    return finish([start(folder)], folder / 'results.json')


@pytest.fixture(scope='module')
def two(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the cases gave on two GPUs."""
    folder = data(tmp_path_factory)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    shared = dict(WORLD_SIZE=2, LOCAL_WORLD_SIZE=2, MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    ranks = [start(folder, RANK=i, LOCAL_RANK=i, **shared) for i in range(2)]
    return finish(ranks, folder / 'results0.json')


@pytest.mark.parametrize('name', RULES)
def test_what_cuda_refuses_is_refused(one: dict, name: str) -> None:
    assert one['rules'][name] == 'as on a GPU'


@pytest.mark.parametrize('name', ONE)
def test_runs_on_one_gpu(one: dict, name: str) -> None:
    assert one[name]['error'] == ''


@pytest.mark.parametrize('name', TWO)
def test_runs_on_two_gpus(two: dict, name: str) -> None:
    assert two[name]['error'] == ''


def within(found: dict, budget: dict) -> None:
    """Refuse more than the budget, and name the lines."""
    over = {key: found[key] for key, most in budget.items() if found[key] > most}
    lines = '\n'.join(found['launched_by'] + found['waited_by'])
    assert not over, f'{over} of at most {budget}:\n{lines}'


def test_a_step_is_within_its_budget(one: dict) -> None:
    within(one['voc-recipe']['train'], STEP)


@pytest.mark.parametrize('name', RANKS)
def test_no_layer_waits_for_other_gpus(two: dict, name: str) -> None:
    """SyncBN in every layer; under float16 the scaler reads whether gradients overflowed."""
    within(two[name]['train'], dict(waits=STEP['waits'] + (name == 'fp16'), pageable=0))


def test_an_evaluated_image_is_within_its_budget(one: dict) -> None:
    within(one['voc-recipe']['val'], IMAGE)


@pytest.mark.parametrize('kept', ['labels', 'scores'])
def test_a_predicted_image_is_within_its_budget(one: dict, kept: str) -> None:
    within(one['predict-one'][kept], PREDICTED)
