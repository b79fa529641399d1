"""Times taken in turns, and what is made of them."""

import gc
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.case import Work

SHORTEST = 0.02  # seconds; shorter calls are repeated within one time
LONG = 1.0  # seconds; one call warms such a work up


class Spread(NamedTuple):
    """A median and the extremes."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(median(values), min(values), max(values))


def ratios(reference: Sequence[float], times: Sequence[float]) -> list[float]:
    """How many times as fast as the reference, round by round.

    Both were timed one after the other in each round, so what else the machine did in that round
    strikes both.
    """
    return [a / b for a, b in zip(reference, times, strict=True)]


def three_digits(milliseconds: float) -> str:
    """A number with three digits, or a whole one."""
    return f'{milliseconds:.3g}' if milliseconds < 100 else f'{milliseconds:.0f}'


def interleave(works: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """Seconds a unit of each work, in rounds: every work once a round, each time another first."""
    repeats = {name: repetitions(work) for name, work in works.items()}
    seconds: dict[str, list[float]] = {name: [] for name in works}
    order = list(works)
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds if works else 0):
            shift = number % len(order)
            for name in order[shift:] + order[:shift]:
                seconds[name].append(once(works[name], repeats[name]))
    finally:
        gc.enable()
    return seconds


def repetitions(work: Work) -> int:
    """How many calls make a time that the clock can tell; the calls here warm the work up."""
    taken = once(work, 1) * work.units
    if taken < LONG:
        taken = once(work, 1) * work.units
    return 1 if work.own_seconds else max(1, round(SHORTEST / max(taken, 1e-7)))


def once(work: Work, repeats: int) -> float:
    """Seconds that a work takes for a unit, over ``repeats`` calls."""
    start = time.perf_counter()
    own_seconds = 0.0
    for _ in range(repeats):
        result = work.call()
        if work.own_seconds:
            own_seconds += float(result)  # type: ignore[arg-type]
    taken = own_seconds if work.own_seconds else time.perf_counter() - start
    return taken / repeats / work.units
