"""Histories of logged values are kept short, with MMEngine's statistics."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer

from mmdeeplab.engine.hooks.plain_history import PlainHistoryHook


def test_every_scalar_keeps_the_last_values_alone() -> None:
    scalars = {'train/loss': HistoryBuffer([2.0] * 9, [1] * 9)}
    runner: Any = SimpleNamespace(message_hub=SimpleNamespace(log_scalars=scalars))
    hook = PlainHistoryHook(7)
    hook.after_train_iter(runner)
    first = scalars['train/loss']
    scalars['train/skipped'] = HistoryBuffer([3], [1])
    hook.after_train_iter(runner)
    assert scalars['train/loss'] is first
    assert [buffer.max_length for buffer in scalars.values()] == [7, 7]
    assert scalars['train/skipped'].data[0].dtype == np.int64


def test_statistics_are_those_of_mmengines_buffer() -> None:
    theirs = HistoryBuffer([0.5] * 7, [1] * 7, 7)
    scalars = {'loss': HistoryBuffer([0.5] * 400, [1] * 400)}
    PlainHistoryHook(7).after_train_iter(
        SimpleNamespace(message_hub=SimpleNamespace(log_scalars=scalars))  # type: ignore[arg-type]
    )
    rng = np.random.default_rng(0)
    for value in rng.random(20).tolist():
        for buffer in (theirs, scalars['loss']):
            buffer.update(value, 2)
    for a, b in zip(theirs.data, scalars['loss'].data, strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ('mean', 'min', 'max', 'current'):
        assert theirs.statistics(name) == scalars['loss'].statistics(name)
