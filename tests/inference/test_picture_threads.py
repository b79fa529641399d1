"""Work on several pictures at once: in order, a few in advance, faults when their turn has come."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from mmdeeplab.picture_threads import AHEAD, LARGE, MOST, chunks, in_order


@pytest.fixture(params=[1, 2, 8])
def cores(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def small(item: int) -> int:
    return 1


@pytest.mark.parametrize('shared', [True, False])
@pytest.mark.parametrize('count', [0, 1, 2, 30])
def test_results_come_in_the_order_of_the_items(cores: int, shared: bool, count: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_order(work, range(count), small, shared)) == [i * i for i in range(count)]
    assert torch.get_num_threads() == cores


def test_each_computes_by_its_share_of_the_cores(cores: int) -> None:
    found = list(in_order(lambda _: torch.get_num_threads(), range(20), small))
    assert set(found) == {max(cores // MOST, 1)}
    own = list(in_order(lambda _: torch.get_num_threads(), range(20), small, False))
    assert set(own) == {cores}


def test_few_items_are_taken_in_advance(cores: int) -> None:
    """So that neither a folder without end nor slow writing fills the memory."""
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = in_order(lambda item: item, endless(), small)
    for number in range(1, 100):
        assert next(results) == number
        assert taken - number <= MOST + AHEAD
    results.close()
    assert not [one for one in threading.enumerate() if one.name.startswith('picture')]


def test_a_large_one_is_computed_alone_by_all_cores(cores: int) -> None:
    at_once: list[int] = []
    running = 0
    lock = threading.Lock()

    def work(item: int) -> tuple[int, int]:
        nonlocal running
        with lock:
            running += 1
            at_once.append(running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return item, torch.get_num_threads()

    large = {3, 4, 11}
    done = list(in_order(work, range(15), lambda i: LARGE + 1 if i in large else 1))
    assert [item for item, _ in done] == list(range(15))
    assert {threads for item, threads in done if item in large} == {cores}
    assert max(at_once) <= min(cores, MOST)


def test_a_fault_is_raised_when_its_turn_has_come(cores: int) -> None:
    def work(item: int) -> int:
        if item == 5:
            raise ValueError('the sixth')
        return item

    results = in_order(work, range(1000), small)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match='the sixth'):
        next(results)


def test_chunks() -> None:
    assert list(chunks(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []
