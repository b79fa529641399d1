"""A loop that runs into a pipe says every 20 seconds how far it is."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from mmdeeplab.engine.hooks import progress
from mmdeeplab.engine.hooks.progress import ProgressHook


def test_no_silence_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = [0.0], []

    def tell(text: str) -> None:
        told.append((clock[0], text))

    monkeypatch.setattr(progress, 'monotonic', lambda: clock[0])
    runner = SimpleNamespace(max_iters=1000, iter=100, logger=SimpleNamespace(info=tell))
    hook = ProgressHook()
    hook.before_train(runner)
    for _ in range(900):
        clock[0] += 5
        hook.after_train_iter(runner, 0)
    hook.after_train(runner)
    assert told[0] == (20, 'training: 104 of 1,000, 4480 s left')
    times = [0, *(when for when, _ in told), clock[0]]
    assert all(b - a <= max(20, b / 20 + 5) for a, b in pairwise(times))
    assert len(told) < 70
