"""Several processes on CPUs: training, and evaluation equal to the last digit."""

import json
from pathlib import Path

import pytest
from tools_conftest import CONFIG, SMALL, Tool

pytestmark = pytest.mark.slow


def test_two_ranks_train(tool: Tool, data: Path, tmp_path: Path) -> None:
    done = tool(
        'dist_train.sh', CONFIG, 2, '--data-root', data, '--work-dir', tmp_path, '--cfg-options',
        *SMALL, 'train_cfg.max_iters=2',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'processes: 2 on CPUs (gloo)' in done.stdout
    assert (tmp_path / 'iter_2.safetensors').is_file()


def test_one_two_and_three_ranks_agree_to_the_last_digit(
    tool: Tool, data: Path, trained: dict, tmp_path: Path
) -> None:
    checkpoint = trained['work'] / 'iter_4.safetensors'
    results = []
    for ranks in (1, 2, 3):
        out = tmp_path / str(ranks)
        done = tool(
            'dist_test.sh', CONFIG, checkpoint, ranks, '--data-root', data, '--out', out,
            '--work-dir', tmp_path / 'w', '--cfg-options', *SMALL,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        results.append(json.loads((out / 'metrics.json').read_text()))
    assert results[0]['num_images'] == 11
    assert results[0] == results[1] == results[2]


def test_a_mistake_ends_every_rank_in_a_sentence(tool: Tool, tmp_path: Path) -> None:
    done = tool('dist_train.sh', CONFIG, 2, '--data-root', 'nowhere', '--work-dir', tmp_path)
    assert done.returncode != 0
    assert 'error: no data at nowhere' in done.stderr
