"""One training a folder, and no longer than it lives."""

import errno
import fcntl
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from mmengine.hooks import Hook
from mmengine.runner import Runner
from robustness.tiny import fork, in_child, on_ranks, tiny_runner, wait, warm

from mmdeeplab.checkpoint.lock import NAME, training_lock
from mmdeeplab.errors import UserError

REFUSED = 2


def hold(folder: Path, ready: Path) -> int:
    """A process that has the lock until it is killed; its number."""

    def work() -> None:
        with training_lock(folder):
            ready.touch()
            time.sleep(60)

    pid = fork(work)
    await_file(ready)
    return pid


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f'{path} does not come'
        time.sleep(0.01)


def take(folder: Path) -> None:
    with training_lock(folder):
        pass


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait(pid)


@pytest.mark.parametrize('name', ['work', 'other/../work', 'link'])
def test_a_second_process_is_refused_by_any_name_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / 'work').mkdir()
    (tmp_path / 'other').mkdir()
    (tmp_path / 'link').symlink_to('work')
    pid = hold(tmp_path / 'work', tmp_path / 'ready')
    with pytest.raises(UserError, match=rf'process {pid} on {socket.gethostname()}, since 20'):
        take(tmp_path / name)
    end(pid)
    take(tmp_path / name)


def test_what_a_dead_or_copied_run_left_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"process": 1, "host": "here", "start": "now"}')
    take(tmp_path)
    (tmp_path / NAME).write_bytes(b'\xff torn')
    take(tmp_path)


def test_the_same_process_may_ask_again(tmp_path: Path) -> None:
    with training_lock(tmp_path):
        take(tmp_path)
        assert in_child(lambda: take(tmp_path)) == REFUSED
    assert in_child(lambda: take(tmp_path)) == 0


def test_only_the_first_rank_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = hold(tmp_path, tmp_path / 'ready')
    monkeypatch.setenv('RANK', '1')
    take(tmp_path)
    monkeypatch.setenv('RANK', '0')
    with pytest.raises(UserError, match='another training writes to'):
        take(tmp_path)
    end(pid)


def test_where_there_are_no_locks_nothing_is_certain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, 'lockf', refuse)
    with pytest.warns(UserWarning, match='keeps no locks .* another training may write there'):
        take(tmp_path)


class Ready(Hook):
    """Tell that the run is in its third step, and stay there."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if runner.iter == 2:
            self.file.touch()
            time.sleep(60)


def train(folder: Path, *hooks: Hook, **options: Any) -> None:
    tiny_runner(folder, 4, hooks=list(hooks), **options).train()


def test_workers_of_a_killed_run_do_not_keep_the_lock(tmp_path: Path) -> None:
    warm()
    ready, work = tmp_path / 'ready', tmp_path / 'work'
    pid = fork(lambda: train(work, Ready(ready), workers=2), tmp_path / 'log')
    await_file(ready)
    (children,) = Path(f'/proc/{pid}/task/{pid}/').glob('children')
    workers = [int(number) for number in children.read_text().split()]
    assert len(workers) >= 2
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)  # so that they outlive it for certain
    assert in_child(lambda: train(work)) == REFUSED
    end(pid)
    assert in_child(lambda: train(work)) == 0
    for worker in workers:
        os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize('resume', [False, True])
def test_a_second_run_is_refused_before_it_changes_anything(tmp_path: Path, resume: bool) -> None:
    ready, work = tmp_path / 'ready', tmp_path / 'work'
    pid = fork(lambda: train(work, Ready(ready)), tmp_path / 'log')
    await_file(ready)
    before = sorted(work.rglob('*.safetensors'))
    log = tmp_path / 'second'
    assert in_child(lambda: train(work, resume=resume), log) == REFUSED
    assert f'another training writes to {work}: process {pid} on' in log.read_text()
    assert sorted(work.rglob('*.safetensors')) == before
    end(pid)


def test_two_work_dirs_whose_checkpoints_share_a_folder_are_two_runs_there(tmp_path: Path) -> None:
    """``out_dir`` gets a folder of the work dir's last name."""
    ready, out = tmp_path / 'ready', tmp_path / 'out'
    checkpoint = dict(type='mmdeeplab.CheckpointHook', by_epoch=False, interval=2, out_dir=str(out))
    options: dict = dict(default_hooks=dict(checkpoint=checkpoint))
    pid = fork(lambda: train(tmp_path / 'a/x', Ready(ready), **options), tmp_path / 'log')
    await_file(ready)
    log = tmp_path / 'second'
    assert in_child(lambda: train(tmp_path / 'b/x', **options), log) == REFUSED
    assert f'another training writes to {out / "x"}' in log.read_text()
    end(pid)


def test_the_ranks_of_one_run_do_not_exclude_each_other(tmp_path: Path) -> None:
    work = tmp_path / 'work'
    run = lambda: train(work, launcher='pytorch')  # noqa: E731
    for _ in range(2):  # the second as after a restart of the job
        assert on_ranks(run, 2, tmp_path / 'log') == [0, 0], (tmp_path / 'log').read_text()
