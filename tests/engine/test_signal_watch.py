"""Signals while the main thread waits in C, and silence of ranks, each found in time."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.hooks import Hook
from mmengine.runner import Runner
from robustness.tiny import fork, tiny_runner, wait, warm
from torch.distributed import HashStore

from mmdeeplab.engine.distributed import signal_watch
from mmdeeplab.engine.distributed.signal_watch import LIMITS, SignalWatch
from mmdeeplab.engine.hooks.heartbeat import PERIOD, HeartbeatHook

linux = pytest.mark.skipif(sys.platform != 'linux', reason='a mutex of the size that glibc has')


def wait_in_c() -> None:
    """As a rank waits in CUDA: no handler of Python's runs, and no signal interrupts it."""
    lock = ctypes.CDLL(None).pthread_mutex_lock
    mutex = ctypes.create_string_buffer(128)
    lock(mutex)
    lock(mutex)


class Stuck(Hook):
    """The second step does not end."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if runner.iter == 1:
            self.file.touch()
            wait_in_c()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_watch, 'LIMITS', dict.fromkeys(LIMITS, 1.0))
    monkeypatch.setattr(signal_watch, 'ECHO', 0.2)


def started(work: Callable[[Path], object], folder: Path) -> tuple[int, Path]:
    """A process, once it is in its step, and its log."""
    warm()
    ready, log = folder / 'ready', folder / 'log'
    pid = fork(lambda: work(ready), log)
    deadline = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    return pid, log


def stuck_run(ready: Path) -> None:
    tiny_runner(ready.parent / 'work', 10, hooks=[Stuck(ready)]).train()


@linux
@pytest.mark.parametrize('number', LIMITS)
def test_a_step_that_waits_in_c_is_given_up(number: int, short: None, tmp_path: Path) -> None:
    pid, log = started(stuck_run, tmp_path)
    os.kill(pid, number)
    start = time.monotonic()
    assert wait(pid) == 128 + number
    assert 0.5 < time.monotonic() - start < 3
    assert f'error: {signal.Signals(number).name} came 1 s ago' in log.read_text()


@linux
@pytest.mark.parametrize('pair', [('SIGTERM', 'SIGTERM'), ('SIGUSR1', 'SIGTERM')])
def test_a_second_signal_ends_a_wait_in_c_at_once(
    pair: tuple, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(signal_watch, 'ECHO', 0.2)
    pid, _ = started(stuck_run, tmp_path)
    first, second = (signal.Signals[name] for name in pair)
    os.kill(pid, first)
    os.kill(pid, first)  # which a launcher has sent on
    time.sleep(0.4)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    start = time.monotonic()
    os.kill(pid, second)
    assert wait(pid) == 128 + second
    assert time.monotonic() - start < 1


@pytest.mark.parametrize('answered', [True, False])
def test_a_signal_that_was_noticed_may_take_its_time(
    answered: bool, short: None, tmp_path: Path
) -> None:
    """But of several ranks only one that saves: the others may wait for one that is gone."""

    def work(ready: Path) -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)
        watch = SignalWatch(lambda: answered)
        ready.touch()
        time.sleep(2)
        watch.close()

    pid, _ = started(work, tmp_path)
    os.kill(pid, signal.SIGTERM)
    assert wait(pid) == (0 if answered else 143)


def test_signals_of_forked_processes_are_their_own(short: None, tmp_path: Path) -> None:
    """Data loading processes inherit the socket to which the interpreter writes."""

    def work(ready: Path) -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)
        watch = SignalWatch(lambda: False)
        child = os.fork()
        if not child:
            time.sleep(0.5)
            os._exit(0)
        time.sleep(0.1)
        os.kill(child, signal.SIGTERM)
        time.sleep(1.5)
        os.waitpid(child, 0)
        watch.close()
        ready.touch()

    pid = fork(lambda: work(tmp_path / 'ready'))
    assert wait(pid) == 0
    assert (tmp_path / 'ready').exists()


@pytest.mark.parametrize('limit', [10, 60, 300, 1800])
def test_a_frozen_rank_is_found_before_exchanges_are_given_up(limit: int) -> None:
    runner = SimpleNamespace(rank=0, world_size=1, timeout=limit)
    hook = HeartbeatHook()
    hook.before_train(runner)  # type: ignore[arg-type]
    assert limit / 2 < hook.timeout < limit - PERIOD
    chosen = HeartbeatHook(7)
    chosen.before_train(runner)  # type: ignore[arg-type]
    assert chosen.timeout == 7


def test_a_second_training_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MASTER_ADDR', 'localhost')
    hook = HeartbeatHook(60)
    hook._connect = HashStore  # type: ignore[method-assign, assignment]
    runner: Any = SimpleNamespace(rank=0, world_size=2, iter=0)
    for _ in range(2):
        hook.before_train(runner)
        assert hook.thread is not None
        hook.thread.join(PERIOD / 2)  # a stopped one would end at once
        assert hook.thread.is_alive()
        hook.after_train(runner)
        assert not hook.thread.is_alive()


ENDING = """
import atexit, threading
from types import SimpleNamespace
from torch.distributed import HashStore
from mmdeeplab.engine.hooks.heartbeat import HeartbeatHook

atexit.register(lambda: print(sorted(thread.name for thread in threading.enumerate())))  # is last
hook = HeartbeatHook(60)
hook._connect = HashStore
hook.before_train(SimpleNamespace(rank=0, world_size=2, iter=0))
assert hook.thread.is_alive()
raise SystemExit(138)
"""


def test_no_thread_is_inside_the_store_while_python_ends() -> None:
    """It would abort the process, whose exit status would be another one."""
    environment = dict(os.environ, MASTER_ADDR='localhost')
    command = [sys.executable, '-c', ENDING]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert ended.returncode == 138, ended.stderr
    assert ended.stdout.splitlines()[-1] == "['MainThread']"
