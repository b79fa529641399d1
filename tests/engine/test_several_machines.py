"""Processes that should be alike, and a first machine that is gone."""

import os
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from robustness.tiny import fork, on_ranks, tiny_runner, wait

from mmdeeplab.cli.train import after_restart
from mmdeeplab.engine.distributed import rendezvous
from mmdeeplab.engine.distributed.ranks import TIMEOUT, join_ranks, require_agreement
from mmdeeplab.errors import UserError


def test_the_timeout_is_a_number_of_seconds_or_the_default() -> None:
    for env_cfg in (None, {}, dict(dist_cfg=None), dict(dist_cfg=dict(timeout=None))):
        assert join_ranks('none', env_cfg) == TIMEOUT
    assert join_ranks('none', dict(dist_cfg=dict(timeout=7))) == 7
    for timeout in ('7', 0, [7]):
        with pytest.raises(UserError, match=r'dist_cfg\.timeout is a number of seconds'):
            join_ranks('none', dict(dist_cfg=dict(timeout=timeout)))


@pytest.mark.parametrize(('names', 'status'), [('aa', 0), ('ab', 2)])
def test_all_go_on_from_the_same_checkpoint(tmp_path: Path, names: str, status: int) -> None:
    def work() -> None:
        join_ranks('pytorch', {})
        require_agreement('the checkpoint', names[int(os.environ['RANK'])])

    log = tmp_path / 'log'
    assert on_ranks(work, 2, log) == [status, status], log.read_text()
    if status:
        host = socket.gethostname()
        words = f'error: the checkpoint: a for rank 0 on {host}, b for rank 1 on {host}; the work'
        assert log.read_text().count(words) == 2


def test_a_machine_whose_first_one_is_gone_ends_with_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendezvous, 'PERIOD', 0.05)
    monkeypatch.setattr(rendezvous, 'GRACE', 0.5)
    server = socket.create_server(('127.0.0.1', 0))
    port = server.getsockname()[1]

    def work() -> None:
        server.close()
        (tmp_path / 'worker').write_text(str(fork(lambda: time.sleep(60))))
        rendezvous._watch('127.0.0.1', port)

    launcher = fork(work, tmp_path / 'log')
    time.sleep(0.5)
    assert os.waitpid(launcher, os.WNOHANG)[0] == 0  # the port answers
    server.close()
    assert wait(launcher) == 1
    assert f'does not answer any more at 127.0.0.1:{port}' in (tmp_path / 'log').read_text()
    worker = Path('/proc') / (tmp_path / 'worker').read_text() / 'status'
    deadline = time.monotonic() + 20
    while worker.exists() and 'zombie' not in worker.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ('job', 'count', 'resumed'),
    [('mine', 0, True), ('another', 0, False), ('another', 1, False)],
)
def test_a_machine_without_restarts_goes_on_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str, count: int, resumed: bool
) -> None:
    """torchrun counts the restarts of each machine apart."""
    monkeypatch.setenv('MMDEEPLAB_JOB', 'mine')
    tiny_runner(tmp_path, 2).train()
    monkeypatch.setenv('MMDEEPLAB_JOB', 'mine' if job == 'mine' else 'later')
    monkeypatch.setenv('TORCHELASTIC_RESTART_COUNT', str(count))
    cfg = SimpleNamespace(work_dir=str(tmp_path), get=lambda key: None)
    assert after_restart(cfg, None) == ('auto' if resumed else None)
