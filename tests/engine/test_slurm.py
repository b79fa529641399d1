"""What Slurm's documentation says it sets, in the words of torchrun."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from places import ROOT

from mmdeeplab.engine.distributed.slurm import as_torchrun, tasks_per_node
from mmdeeplab.errors import UserError

TASK = dict(
    SLURM_PROCID='9',
    SLURM_LOCALID='1',
    SLURM_NODEID='2',
    SLURM_NTASKS='10',
    SLURM_STEP_TASKS_PER_NODE='4(x2),2',
    SLURM_STEP_NODELIST='gpu07',
    SLURM_JOB_ID='34711',
)


def test_a_task_is_a_rank() -> None:
    expected = dict(RANK='9', LOCAL_RANK='1', WORLD_SIZE='10', LOCAL_WORLD_SIZE='2')
    expected |= dict(MASTER_ADDR='gpu07', MASTER_PORT='24711')
    assert as_torchrun(TASK) == expected
    named = as_torchrun(TASK | dict(MASTER_ADDR='10.0.0.5', MASTER_PORT='1234'))
    assert (named['MASTER_ADDR'], named['MASTER_PORT']) == ('10.0.0.5', '1234')


def test_tasks_of_each_machine() -> None:
    assert tasks_per_node('4(x2),2') == [4, 4, 2]
    assert tasks_per_node('8') == [8]


def test_outside_of_srun_a_sentence_names_it() -> None:
    with pytest.raises(UserError, match='SLURM_PROCID and SLURM_NTASKS are not set; start it by'):
        as_torchrun({})


def test_machines_that_cannot_be_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(UserError, match=r'first machine of gpu\[1-2\] .* set MASTER_ADDR to it'):
        as_torchrun(TASK | dict(SLURM_STEP_NODELIST='gpu[1-2]'))


def launched(folder: Path, **environment: object) -> subprocess.CompletedProcess:
    """What ``dist_train.sh`` would start, by a python3 that prints its arguments."""
    for name, script in dict(
        python3='[ "$1" = -c ] || echo "$@"', scontrol='printf "gpu1\\ngpu2\\n"'
    ).items():
        (folder / name).write_text(f'#!/bin/sh\n{script}\n')
        (folder / name).chmod(0o755)
    path = f'{folder}{os.pathsep}{os.environ["PATH"]}'
    given = {key: str(value) for key, value in environment.items()}
    return subprocess.run(
        [shutil.which('bash') or 'bash', ROOT / 'tools' / 'dist_train.sh', 'CONFIG', '8'],
        env=dict(PATH=path) | given, capture_output=True, text=True,
    )  # fmt: skip


STEP = dict(SLURM_STEP_NODELIST='gpu[1-2]', SLURM_STEP_NUM_NODES=2, SLURM_JOB_ID=34711)


def test_srun_starts_one_launcher_a_machine(tmp_path: Path) -> None:
    for node, first in ((0, 1), (1, 0)):
        done = launched(tmp_path, **STEP, SLURM_STEP_NUM_TASKS=2, SLURM_NODEID=node)
        assert '--nnodes=2 --rdzv-backend=c10d' in done.stdout, done.stderr
        assert f'is_host={first} --rdzv-endpoint=gpu1:24711 --nproc_per_node=8' in done.stdout
    done = launched(tmp_path, **STEP, SLURM_STEP_NUM_TASKS=16, SLURM_NODEID=0)
    assert (done.returncode, done.stdout) == (2, '')
    assert 'error: srun --ntasks-per-node=1 tools/dist_train.sh' in done.stderr


def test_machines_named_by_hand_go_first(tmp_path: Path) -> None:
    by_hand = dict(NNODES=3, NODE_RANK=2, MASTER_ADDR='10.0.0.1')
    done = launched(tmp_path, **STEP, SLURM_STEP_NUM_TASKS=2, SLURM_NODEID=1, **by_hand)
    assert '--nnodes=3' in done.stdout
    assert 'is_host=0 --rdzv-endpoint=10.0.0.1:29500' in done.stdout
    assert '--standalone' in launched(tmp_path).stdout
