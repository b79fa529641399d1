"""Two ranks under torchrun: one dies, one freezes, and restart upon restart."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from robustness import Outcome
from robustness.signals import launch

DEAD_WITHIN, TIMEOUT, FROZEN_WITHIN = 10.0, 10, 40.0  # seconds; frozen: the timeout plus 30
PATIENCE = 240.0
LENGTH, RESTARTS = 60, 20  # restarts in one job


def run(n: int, folder: Path) -> Outcome:
    """A death, a frozen rank, and ``n - 2`` restarts."""
    failures, survived = [], 0
    trials = [('dead', signal.SIGKILL, DEAD_WITHIN), ('frozen', signal.SIGSTOP, FROZEN_WITHIN)]
    for what, number, limit in trials[:n]:
        fault = _hit(folder / what, number, limit)
        failures += [f'{what} rank: {fault}'] if fault else []
        survived += not fault
    for first in range(2, n, RESTARTS):
        count = min(RESTARTS, n - first)
        fault = _restarts(folder / f'restarts{first}', count)
        failures += [f'{count} restarts: {fault}'] if fault else []
        survived += 0 if fault else count
    return Outcome(n, survived, failures)


def _end(process: subprocess.Popen, folder: Path, patience: float) -> int | None:
    """Exit status; None, and everything killed, when it takes longer than ``patience``."""
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        for file in folder.glob('pid-*'):
            os.kill(int(file.read_text()), signal.SIGKILL)
        return None


def _hit(folder: Path, number: signal.Signals, limit: float) -> str:
    """Send a signal to a random rank in mid-run; the job must end in time and name the rank."""
    process = launch(folder, '--iters', 10**6, '--pace', 0.01, '--timeout', TIMEOUT)
    deadline = time.monotonic() + PATIENCE
    while not all((folder / f'iteration-{rank}').exists() for rank in range(2)):
        time.sleep(0.1)
        if process.poll() is not None or time.monotonic() > deadline:
            _end(process, folder, 0)
            return f'it did not start: {(folder / "log").read_text()[-600:]}'
    time.sleep(random.random())
    rank = random.randrange(2)
    os.kill(int((folder / f'pid-{rank}').read_text()), number)
    start = time.monotonic()
    status = _end(process, folder, 4 * limit)
    took, text = time.monotonic() - start, (folder / 'log').read_text()
    if status is None or took > limit:
        return f'the job took {took:.1f} s to end ({status}), {limit:.0f} s are allowed'
    if f'error: rank {rank} ' not in text:
        return f'rank {rank} is not named: {text[-600:]}'
    if 'Traceback' in text:
        return f'a traceback: {text[-1500:]}'
    return '' if status == 128 + signal.SIGKILL else f'exit code {status}'


def _restarts(folder: Path, count: int) -> str:
    """A job whose ranks die ``count`` times must reach the bits of one that never does."""
    ends = []
    for deaths in (0, count):
        place = folder.with_name(f'{folder.name}-{deaths}')
        seed = random.randrange(10**6)
        options = ['--iters', LENGTH, '--deaths', deaths, '--seed', seed]
        process = launch(place, *options, restarts=deaths)
        status = _end(process, place, PATIENCE + 60 * deaths)
        if status != 0:
            return (
                f'with {deaths} deaths it ended with {status}: {(place / "log").read_text()[-900:]}'
            )
        ends.append((place / 'end').read_text())
        shutil.rmtree(place)
    return '' if ends[0] == ends[1] else 'the end differs from the undisturbed run'
