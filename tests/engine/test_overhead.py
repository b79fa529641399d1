"""What is done less often between the steps, and that nothing is left out."""

import copy
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mmengine.hooks import Hook, IterTimerHook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from mmdeeplab.checkpoint.load import PlainHistoryHook
from mmdeeplab.engine.triggered import TriggeredRunner, triggers
from mmdeeplab.engine.window import ROOM, Window


class Both(Hook):
    """What MMEngine calls before and after iterations of every kind."""

    def _before_iter(self, runner: Any, *args: object, **kwargs: object) -> None:
        runner.called.append(('both', kwargs['mode']))


class One(Hook):
    def before_train_iter(self, runner: Any, *args: object, **kwargs: object) -> None:
        runner.called.append(('one', kwargs['batch_idx']))

    def of_its_own(self, runner: Any) -> None:
        runner.called.append(('own', 0))


class Child(One):
    priority = 'VERY_HIGH'


def runner_of(kind: type[Runner], *hooks: Hook) -> Any:
    runner = kind.__new__(kind)
    runner._hooks, runner.called, runner._by_stage = [], [], {}
    for hook in hooks:
        runner.register_hook(hook)
    return runner


def test_the_same_methods_are_called_in_the_same_order() -> None:
    added = Hook()
    added.after_train_iter = lambda runner, **kwargs: runner.called.append(('added', 0))
    called = []
    for kind in (Runner, TriggeredRunner):
        runner = runner_of(kind, Hook(), Both(), One(), added)
        for name in ('before_train_iter', 'before_val_iter', 'after_train_iter'):
            runner.call_hook(name, batch_idx=3, data_batch=None)
        runner.register_hook(Child())  # known from the next call on
        runner.call_hook('before_train_iter', batch_idx=4, data_batch=None)
        runner.call_hook('of_its_own')
        runner.call_hook('of_no_hook')
        called.append(runner.called)
    assert called[0] == called[1]
    assert ('both', 'val') in called[1]
    assert ('added', 0) in called[1]
    assert called[1].index(('one', 4)) < len(called[1]) - 3


def test_hooks_that_do_nothing_are_not_called() -> None:
    assert not triggers(Hook(), 'before_train_iter')
    assert triggers(IterTimerHook(), 'before_train_iter')
    assert triggers(Both(), 'before_test_iter')
    assert not triggers(Both(), 'after_test_iter')


def test_a_hook_that_cannot_take_its_arguments_is_named() -> None:
    runner = runner_of(TriggeredRunner, One())
    with pytest.raises(TypeError, match='One'):
        runner.call_hook('of_its_own', unknown=1)


@pytest.mark.parametrize('length', [3, 300, 10_000])
@pytest.mark.parametrize('start', [[], [1, 2], [0.5] * 400])
def test_a_window_is_mmengines_buffer(length: int, start: list) -> None:
    theirs = HistoryBuffer(start[-length:], [1] * len(start[-length:]), length)
    ours = Window(HistoryBuffer(start, [1] * len(start)), length)
    rng = np.random.default_rng(0)
    for number in range(3 * ROOM):
        value = number if number < 5 else float(rng.random())
        for buffer in (theirs, ours):
            buffer.update(value, 1 + number % 2)
        for a, b in zip(theirs.data, ours.data, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    for name in ('mean', 'min', 'max', 'current'):
        assert theirs.statistics(name) == ours.statistics(name)
    assert theirs.mean(7) == ours.mean(7)
    with pytest.raises(TypeError, match='int or float'):
        ours.update('1')


def test_data_that_was_handed_out_stays_and_copies_go_on() -> None:
    window = Window(HistoryBuffer([1.0], [1]), 4)
    seen, kept = [], []
    for number in range(5 * ROOM):
        window.update(float(number))
        seen.append(window.data[0])
        kept.append(window.data[0].copy())
    for a, b in zip(seen, kept, strict=True):
        np.testing.assert_array_equal(a, b)
    for other in (copy.deepcopy(window), pickle.loads(pickle.dumps(window))):
        other.update(-1.0)
        assert other.data[0].tolist() == [*window.data[0][1:], -1]
    assert window.current() == 5 * ROOM - 1


def test_new_scalars_become_windows() -> None:
    scalars = {'train/loss': HistoryBuffer([2.0], [1])}
    runner: Any = SimpleNamespace(message_hub=SimpleNamespace(log_scalars=scalars))
    hook = PlainHistoryHook(7)
    hook.after_train_iter(runner)
    first = scalars['train/loss']
    scalars['train/skipped'] = HistoryBuffer([3], [1])
    hook.after_train_iter(runner)
    assert scalars['train/loss'] is first
    assert [buffer.max_length for buffer in scalars.values()] == [7, 7]
    assert scalars['train/skipped'].data[0].dtype == np.int64
