"""Signals at random moments: to the process, to its whole group, to torchrun, and twice."""

import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.find import newest_valid, read_summary
from mmdeeplab.engine.distributed.signal_watch import ECHO
from mmdeeplab.engine.hooks.preemption import SIGNALS
from robustness import Outcome
from robustness.tiny import fork, tiny_runner, wait, warm

LAUNCHED = 10  # every so many trials run under torchrun, which takes seconds to start
TWICE = 5  # and every so many get a second signal in a step that takes long
LIMIT = 30.0
TESTS = str(Path(__file__).resolve().parents[1])


class Pace(Hook):
    """Tell the parent the iteration; a step of some milliseconds, or one that takes long."""

    priority = 'VERY_HIGH'

    def __init__(self, memory: mmap.mmap, long_step: int = 0) -> None:
        self.memory, self.long_step = memory, long_step

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.memory[:8] = struct.pack('<q', runner.iter)
        deadline = time.monotonic() + (LIMIT if runner.iter + 1 == self.long_step else 0.002)
        while time.monotonic() < deadline:
            time.sleep(0.002)

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.memory[8:16] = struct.pack('<q', runner.iter + 1)


def run(n: int, folder: Path) -> Outcome:
    """Send ``n`` signals, each kind in turn."""
    warm()
    failures = []
    for i in range(n):
        number = SIGNALS[i % len(SIGNALS)]
        place = folder / f'run{i}'
        if i % LAUNCHED == LAUNCHED - 1:
            what, fault = 'torchrun', _launched(place, number)
        elif i % TWICE == TWICE - 1:
            what, fault = 'twice', _twice(place, number)
        else:
            group = random.random() < 0.5
            what, fault = 'group' if group else 'process', _once(place, number, group)
        if fault:
            failures.append(f'signal {i}, {number.name} to {what}: {fault}')
        shutil.rmtree(place, ignore_errors=True)
    return Outcome(n, n - len(failures), failures)


def _start(folder: Path, memory: mmap.mmap, workers: int, long_step: int = 0) -> int:
    def work() -> None:
        os.setsid()
        hooks = [Pace(memory, long_step)]
        tiny_runner(
            folder, 10**6, interval=10**6, workers=workers, hooks=hooks, validate=50
        ).train()

    folder.mkdir(exist_ok=True)
    return fork(work, folder / 'log')


def _wait_for(memory: mmap.mmap, iteration: int, place: int = 8) -> bool:
    deadline = time.monotonic() + LIMIT
    while struct.unpack('<q', memory[place : place + 8])[0] < iteration:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _once(folder: Path, number: signal.Signals, group: bool) -> str:
    memory = mmap.mmap(-1, 16)
    pid = _start(folder, memory, random.choice((0, 2)))
    if not _wait_for(memory, 1):
        os.kill(pid, signal.SIGKILL)
        return f'no step in {LIMIT} s ({wait(pid)}): {(folder / "log").read_text()[-300:]}'
    time.sleep(random.random() * 0.7)
    (os.killpg if group else os.kill)(pid, number)
    status = wait(pid)
    if status != 128 + number:
        return f'exit code {status}: {(folder / "log").read_text()[-300:]}'
    return _saved(folder, struct.unpack('<q', memory[8:])[0])


def _saved(folder: Path, done: int) -> str:
    path = newest_valid(folder).path
    saved = read_summary(path)['iter'] if path else 0
    return '' if saved == done else f'{done} steps were done, {saved} are saved'


def _twice(folder: Path, number: signal.Signals) -> str:
    memory = mmap.mmap(-1, 16)
    pid = _start(folder, memory, 0, long_step=3)
    if not _wait_for(memory, 2, 0):
        os.kill(pid, signal.SIGKILL)
        return f'no step in {LIMIT} s ({wait(pid)})'
    os.kill(pid, number)
    time.sleep(ECHO + 0.2)
    if os.waitpid(pid, os.WNOHANG)[0]:
        return 'the first signal did not let the step finish'
    start = time.monotonic()
    os.kill(pid, number)
    status, took = wait(pid), time.monotonic() - start
    if status != 128 + number or took > 1:
        return f'exit code {status} {took:.1f} s after the second signal'
    return ''


def _launched(folder: Path, number: signal.Signals) -> str:
    process = launch(folder, '--iters', 10**6, '--pace', 0.005)
    deadline = time.monotonic() + 4 * LIMIT
    while not (folder / 'iteration-0').exists() and process.poll() is None:
        time.sleep(0.05)
        if time.monotonic() > deadline:
            process.kill()
    time.sleep(random.random())
    process.send_signal(number)
    status = process.wait(2 * LIMIT)
    if status != 128 + number:
        return f'exit code {status}: {(folder / "log").read_text()[-600:]}'
    done = [int((folder / f'iteration-{rank}').read_text()) for rank in range(2)]
    if done[0] != done[1]:
        return f'the ranks stopped after {done} steps'
    return _saved(folder / 'work', done[0])


def launch(folder: Path, *arguments: object, restarts: int = 0) -> subprocess.Popen:
    """Two ranks of the toy's run under our torchrun, in a new folder whose ``log`` they write."""
    folder.mkdir()
    launch = ['-m', 'mmdeeplab.cli.launch', '--standalone', '--nproc_per_node=2']
    script = ['--max-restarts', restarts, '-m', 'robustness.rank', '--folder', folder, *arguments]
    command = [sys.executable, *map(str, [*launch, *script])]
    path = os.pathsep.join(filter(None, [TESTS, os.environ.get('PYTHONPATH')]))
    env = os.environ | dict(PYTHONPATH=path)
    with (folder / 'log').open('wb') as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=env)
