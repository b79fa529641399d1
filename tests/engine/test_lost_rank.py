"""A rank whose partner is gone ends in one sentence."""

from datetime import timedelta
from types import SimpleNamespace
from typing import NoReturn

import pytest
import torch
from torch.distributed import ProcessGroupGloo, TCPStore

from mmdeeplab.engine.distributed import lost_rank


class Ended(Exception):
    """What the end of the process is here."""


@pytest.fixture
def store() -> TCPStore:
    """The store of rank 0 of two, which gives up after half a second."""
    return TCPStore('127.0.0.1', 0, 2, True, timedelta(seconds=0.5), wait_for_workers=False)


def join_alone(store: TCPStore) -> None:
    """Join a process group that the other rank never joins."""
    ProcessGroupGloo(store, 0, 2, timedelta(seconds=0.5))


def read_alone(store: TCPStore) -> None:
    """Read what the other rank never writes."""
    store.get('never')


def closed(store: TCPStore) -> None:
    """What gloo says of a second exchange under way when the first one timed out."""
    raise RuntimeError('Application timeout caused pair closure')


@pytest.mark.parametrize('exchange', [join_alone, read_alone, closed])
def test_a_rank_that_never_comes(
    exchange, store: TCPStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    def end(status: int) -> NoReturn:
        raise Ended(status)

    monkeypatch.setattr(lost_rank.os, '_exit', end)
    runner = SimpleNamespace(world_size=2, rank=0, iter=7, hooks=[])
    with pytest.raises(Ended, match='1'), lost_rank.explained(runner):
        exchange(store)
    assert 'error: rank 0 lost another rank in iteration 7 (' in capfd.readouterr().err


@pytest.mark.parametrize('world_size', [1, 2])
def test_other_errors_stay(world_size: int) -> None:
    runner = SimpleNamespace(world_size=world_size, rank=0, iter=7, hooks=[])
    with pytest.raises(RuntimeError, match='shape'), lost_rank.explained(runner):
        torch.zeros(3).reshape(2)
