"""The share of waiting in the log, and its warning."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.logging import MessageHub

from mmdeeplab.engine.hooks.data_time import DataTimeHook


def train(waits: list[float], name: str) -> tuple[list[float], list[str]]:
    """Shares and warnings of iterations of one second, two a line."""
    hub = MessageHub.get_instance(f'share-{name}')
    told: list[str] = []
    runner = SimpleNamespace(
        cfg=Config(dict(default_hooks=dict(logger=dict(interval=2)))),
        message_hub=hub,
        logger=SimpleNamespace(warning=told.append, level=logging.INFO),
        train_dataloader=SimpleNamespace(num_workers=3),
        iter=0,
    )
    hook, shares = DataTimeHook(), []
    hook.before_train(runner)
    for runner.iter, wait in enumerate(waits):
        hub.update_scalar('train/data_time', wait)
        hub.update_scalar('train/time', 1.0)
        hook.after_train_iter(runner, runner.iter)
        if runner.iter % 2:
            shares.append(hub.get_scalar('train/data_share').current())
    return shares, told


def test_shares_are_of_the_iterations_since_the_last_line() -> None:
    shares, told = train([0.9, 0.5, 0.02, 0.04, 0.0, 0.2], 'a')
    assert shares == pytest.approx([0.7, 0.03, 0.1])
    assert told == []  # the first line does not count, and 10 % is not above 10 %


def test_warns_once() -> None:
    _, told = train([0, 0, 0.2, 0.3, 0.5, 0.5], 'b')
    (sentence,) = told
    assert 'data 25% of' in sentence
    assert 'num_workers (now 3)' in sentence
