"""Two hosts: training over both, a cut cable and a killed host, the wrong network, Slurm."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from places import ROOT
from tools_conftest import CONFIG, SMALL, Tool
from two_hosts import ADDRESSES, Host, child, two_hosts

from mmdeeplab.checkpoint.store import load

pytestmark = pytest.mark.slow

LENGTH = 12
RUN = [
    *SMALL,
    f'train_cfg.max_iters={LENGTH}',
    f'train_cfg.val_begin={LENGTH + 1}',
    'default_hooks.checkpoint.interval=2',
    'env_cfg.dist_cfg.timeout=10',
]
OPTIONS = ['--no-check', '--no-preflight']
PATH = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
# As Debian has it: a machine's own name means its loopback.
TABLES = (f'127.0.1.1 one\n{ADDRESSES[1]} two\n', f'{ADDRESSES[0]} one\n127.0.1.1 two\n')


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    try:
        context = two_hosts(tmp_path, TABLES)
        pair = context.__enter__()
    except OSError as error:
        pytest.skip(f'two hosts need network namespaces, which are not allowed here ({error})')
    yield pair
    context.__exit__(None, None, None)


@pytest.fixture(scope='module')
def undisturbed(tool: Tool, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of the same run by two processes of one machine."""
    work = tmp_path_factory.mktemp('one-machine')
    done = tool(
        'dist_train.sh', CONFIG, 2, '--data-root', data, '--work-dir', work, *OPTIONS,
        '--cfg-options', *RUN,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return work / f'iter_{LENGTH}.safetensors'


class Machine:
    """One host's part of the job: the command, and what it printed."""

    def __init__(self, host: Host, rank: int, folder: Path, data: Path) -> None:
        self.host, self.rank, self.folder, self.data = host, rank, folder, data
        self.log = folder / f'{host.name}.log'
        self.process: subprocess.Popen

    def start(self, *command: object, **environment: object) -> None:
        self.process = self.host.start(
            *command, '--data-root', self.data, '--work-dir', self.folder / 'work', *OPTIONS,
            '--cfg-options', *RUN, log=self.log, cwd=ROOT, OMP_NUM_THREADS=1,
            PYTHONFAULTHANDLER=1, **(dict(PATH=PATH) | environment),
        )  # fmt: skip

    def task(self, tasks: Path, **environment: object) -> None:
        """Train as a task of Slurm's ``srun``; ``tasks`` has a scontrol."""
        slurm = dict(SLURM_PROCID=self.rank, SLURM_LOCALID=0, SLURM_NODEID=self.rank)
        slurm |= dict(SLURM_NTASKS=2, SLURM_STEP_NUM_TASKS=2, SLURM_STEP_TASKS_PER_NODE='1(x2)')
        slurm |= dict(SLURM_JOB_ID=4711, SLURM_NODELIST='host[1-2]', SLURM_JOB_NODELIST='host[1-2]')
        path = f'{tasks}{os.pathsep}{os.environ["PATH"]}'
        command = [sys.executable, ROOT / 'tools' / 'train.py', CONFIG, '--launcher', 'slurm']
        command += ['--resume', 'auto']
        self.start(*command, PATH=path, **slurm, **environment)

    def train(self, **environment: object) -> None:
        place = dict(NNODES=2, NODE_RANK=self.rank, MASTER_ADDR=ADDRESSES[0])
        script = ROOT / 'tools' / 'dist_train.sh'
        self.start('bash', script, CONFIG, 1, **place, **environment)

    def signal(self, number: signal.Signals) -> None:
        os.kill(child(self.process.pid), number)  # nsenter's, which is the command

    def end(self, seconds: float = 300) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'no end in {seconds} s: {self.stacks()}') from None

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ''

    def wait_for(self, pattern: str, times: int = 1, seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while len(re.findall(pattern, self.said())) < times:
            ended, late = self.process.poll(), time.monotonic() > deadline
            if late or ended is not None:
                raise AssertionError(f'no {pattern} until end {ended}: {self.stacks()}')
            time.sleep(0.02)

    def stacks(self) -> str:
        """End what still runs on both hosts; what they said, and the stacks where they were."""
        for file in Path('/proc').glob('[0-9]*/cmdline'):
            with suppress(OSError):  # another process may end meanwhile
                if f'--work-dir\0{self.folder}' in file.read_text():
                    os.kill(int(file.parent.name), signal.SIGABRT)
        time.sleep(2)
        return '\n'.join(f'{log}:\n{log.read_text()}' for log in self.folder.glob('*.log'))


def step(number: int) -> str:
    return rf'Iter\(train\) \[ *{number}/'


def same_state(path: Path, other: Path) -> bool:
    """Whether weights, averages and momentum are equal bit for bit."""

    def walk(one: object, two: object) -> bool:
        if isinstance(one, torch.Tensor):
            return isinstance(two, torch.Tensor) and torch.equal(one, two)
        if isinstance(one, dict):
            return isinstance(two, dict) and all(walk(one[k], two[k]) for k in one | two)
        return one == two

    states = [load(each) for each in (path, other)]
    assert len(states[0]['optimizer']['state']) > 50
    return all(walk(*(state[key] for state in states)) for key in ('state_dict', 'optimizer'))


def test_a_cut_cable_and_a_killed_host_cost_no_bit(
    hosts: tuple[Host, Host], undisturbed: Path, data: Path, tmp_path: Path
) -> None:
    one, two = (Machine(host, rank, tmp_path, data) for rank, host in enumerate(hosts))
    for machine in (one, two):
        machine.train(MAX_RESTARTS=3)
    one.wait_for(step(3))
    one.host.plug(False)
    one.wait_for(r'error: rank 1 \(process \d+ on two\) has given no sign of life')
    two.wait_for('error: rank 1 lost another rank')
    one.host.plug(True)
    one.wait_for('resumed at iteration')
    one.wait_for(step(7))
    two.host.kill()
    two.end()
    two.host.boot()
    two.train(MAX_RESTARTS=3)
    assert one.end() == two.end() == 0, one.said()[-3000:] + two.said()[-3000:]
    assert one.said().count('resumed at iteration') == 2
    assert same_state(tmp_path / 'work' / undisturbed.name, undisturbed)


def test_the_wrong_network_is_named_on_both_hosts(
    hosts: tuple[Host, Host], data: Path, tmp_path: Path
) -> None:
    one, two = (Machine(host, rank, tmp_path, data) for rank, host in enumerate(hosts))
    two.host.ip('link add docker0 type veth peer name inside')
    two.host.ip('addr add 172.17.0.1/16 dev docker0')
    two.host.ip('link set docker0 up')
    one.train()
    two.train(GLOO_SOCKET_IFNAME='docker0')
    assert (one.end(), two.end()) == (2, 2), one.said()[-3000:] + two.said()[-3000:]
    for machine in (one, two):
        (said,) = re.findall(r'error: (one does not reach two .*)', machine.said())
        assert 'from cable0 (10.77.0.1) at docker0 (172.17.0.1): ' in said
        assert 'set GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME on each' in said
        assert 'two has lo (127.0.0.1), cable0 (10.77.0.2), docker0 (172.17.0.1)' in said


def test_tasks_of_slurm_train_over_both_hosts(
    hosts: tuple[Host, Host], undisturbed: Path, data: Path, tmp_path: Path
) -> None:
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text(
        '#!/bin/sh\n[ "$*" = "show hostnames host[1-2]" ] || exit 1\necho one\necho two\n'
    )
    scontrol.chmod(0o755)
    one, two = (Machine(host, rank, tmp_path, data) for rank, host in enumerate(hosts))
    for machine in (one, two):
        machine.task(tmp_path)
    one.wait_for(step(3))
    two.signal(signal.SIGUSR1)
    assert (one.end(), two.end()) == (138, 138), one.said()[-3000:] + two.said()[-3000:]
    assert 'SIGUSR1: saved iteration' in one.said()
    for machine in (one, two):
        machine.task(tmp_path)
    assert (one.end(), two.end()) == (0, 0), one.said()[-3000:] + two.said()[-3000:]
    assert 'resumed at iteration' in one.said()
    assert same_state(tmp_path / 'work' / undisturbed.name, undisturbed)
