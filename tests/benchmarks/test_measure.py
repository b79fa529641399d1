"""The tool's arithmetic, on numbers worked out by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import limits, measure
from benchmarks.case import Comparison, Scale, Skip, Variant, Work
from benchmarks.page import at_limit
from benchmarks.run import record


def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Work]:
    """A clock that only the returned works move, each call by its seconds."""
    now = [0.0]
    monkeypatch.setattr(measure.time, 'perf_counter', lambda: now[0])

    def work(seconds: float, **options: object) -> Work:
        def call() -> float:
            now[0] += seconds
            return seconds

        return Work(call, **options)

    return work


def variant(name: str, work: Work, of: str = 'mmdeeplab') -> Variant:
    return Variant(name, lambda: work, of)


def test_the_median_and_the_extremes() -> None:
    assert measure.spread([5, 1, 4]) == (4, 1, 5)
    assert measure.spread([8, 2, 4, 6]) == (5, 2, 8)


def test_ratios_are_taken_round_by_round() -> None:
    assert measure.ratios([2, 4, 9], [1, 4, 3]) == [2, 1, 3]
    with pytest.raises(ValueError, match='shorter'):
        measure.ratios([1, 2], [1])


def test_every_variant_is_timed_once_a_round_and_another_one_is_first_each_time() -> None:
    order: list[str] = []

    def add(name: str) -> Work:
        return Work(lambda: order.append(name) or 1.0, own_seconds=True)  # type: ignore[func-returns-value]

    found = measure.interleave({name: add(name) for name in 'abc'}, 4)
    assert ''.join(order[3:]) == 'abc' + 'bca' + 'cab' + 'abc'
    assert {name: len(times) for name, times in found.items()} == dict(a=4, b=4, c=4)


def test_times_are_of_one_unit_and_short_calls_are_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = clock(monkeypatch)
    short, long = make(0.001, units=4), make(3.0)
    assert measure.repetitions(short) == 20
    assert measure.repetitions(long) == 1
    times = measure.interleave(dict(short=short, long=long), 5)
    assert times['short'] == pytest.approx([0.00025] * 5)
    assert times['long'] == pytest.approx([3.0] * 5)


def test_a_record_has_ratios_throughput_and_goals(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make = clock(monkeypatch)

    def absent() -> Work:
        raise Skip('no such thing')

    comparison = Comparison(
        'work',
        (
            variant('theirs', make(6.0, multiply_adds=30 * 10**9), 'peer'),
            variant('ours', make(4.0, units=2, multiply_adds=40 * 10**9, limit='fp32')),
            variant('slow', make(8.0)),
            Variant('none', absent),
        ),
        'theirs',
        goals=dict(ours=2.5, slow=1),
        bounds={},
        agree=lambda a, b: f'{a} {b}',
        truth='theirs',
    )
    found = {row['name']: row for row in record(comparison, Scale(tmp_path, rounds=5))['rows']}
    assert found['theirs']['milliseconds'] == pytest.approx([6000] * 3)
    assert found['theirs']['gflops'] == pytest.approx(10)  # 60 GFLOP in 6 s
    assert found['ours']['ratio'] == pytest.approx([3, 3, 3])  # 2 s a unit
    assert found['ours']['gflops'] == pytest.approx(20)
    assert found['ours']['multiply_adds'] == 20 * 10**9
    assert found['ours']['met'] is True
    assert found['ours']['agreement'] == '6.0 4.0'
    assert (found['slow']['met'], found['slow']['reached']) == (False, 'x0.75')
    assert found['none'] == dict(name='none', of='mmdeeplab', skipped='no such thing')


def test_bounds_and_what_is_added_to_the_reference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make = clock(monkeypatch)
    rows = (variant('bare', make(0.5)), variant('more', make(0.75)), variant('late', make(2.0)))
    one = Comparison('x', rows, 'bare', extra=dict(more=249.0), bounds=dict(late=1900, bare=500.5))
    found = {row['name']: row for row in record(one, Scale(tmp_path, rounds=5))['rows']}
    assert (found['more']['met'], found['more']['reached']) == (False, '250 ms')
    assert found['bare']['met'] is True
    assert (found['late']['met'], found['late']['reached']) == (False, '2000 ms')
    assert at_limit(found['late'] | dict(share=0.25)) == ' (500 ms at the limit of this machine)'
    assert at_limit(found['more'] | dict(share=0.25)) == ''


def test_limits_are_the_best_and_count_two_operations_a_multiply_add(tmp_path: Path) -> None:
    scale = Scale(tmp_path, tiny=True)
    work = {name: amount for name, (_, amount) in limits.tasks_of(scale).items()}
    assert work['matmul fp32'] == 2 * 128**3
    assert work['conv fp32'] == 2 * 17 * 17 * 256 * 256 * 9
    assert work['copy'] == 2 * 4 * 2**16
    found = limits.limits(scale, rounds=1)
    assert found.keys() == work.keys()
    assert all(value > 0 for value in found.values())
    both = limits.merge(dict(a=1.0, b=5.0), dict(a=2.0, b=3.0))
    assert both == dict(a=2, b=5)
    named = {'matmul fp32': 3.0, 'conv fp32': 4.0, 'matmul bf16': 9.0}
    assert limits.highest(named, 'fp32') == 4
    assert limits.highest(named, 'int8') == 0


def test_multiply_adds_of_a_network_worked_out_by_hand() -> None:
    from benchmarks.networks import multiply_adds

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2, padding=1))
    assert multiply_adds(network, (2, 3, 9, 7)) == 2 * 5 * 4 * 8 * 3 * 9
