"""Work on several pictures at once, each by its share of the cores, given back in their order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

import torch

MOST = 4
"""Pictures at once: each takes its own memory."""
AHEAD = 2
"""Pictures that may be done or wait besides, so that nobody waits while files are written."""
LARGE = 2**22
"""Pixels that are computed at once; a picture with more than its share of them is so alone."""

Item = TypeVar('Item')
Result = TypeVar('Result')


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one shorter."""
    items = iter(items)
    while chunk := list(islice(items, size)):
        yield chunk


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    pixels: Callable[[Item], int],
    shared: bool = True,
) -> Generator[Result, None, None]:
    """``work`` of every item, by several threads; no more than a few items are taken in advance.

    Two cores with a picture each are faster than both on one, where they wait for each other at the
    end of every layer, and for whatever else they have to do. The last bits of scores depend on how
    many cores compute them, as everywhere.

    An item of its own, or a large one, is computed by the caller's thread, with all cores and
    while nothing else is: its memory is what it would be without other threads.

    Args:
        work: Called from several threads at once.
        items: What to work on; closing the iterator leaves the rest of them.
        pixels: How large an item is.
        shared: Whether the cores are shared between the threads; without it each has them all, for
            a ``work`` whose large part waits for its turn.

    Raises:
        Exception: What ``work`` raises, when the item's turn has come.
    """
    cores = torch.get_num_threads()
    workers = min(cores, MOST) if shared else MOST
    first = list(islice(items := iter(items), 2))
    items = chain(first, items)
    if len(first) < 2 or (workers == 1 and shared):
        yield from map(work, items)
        return
    share = (cores // workers,) if shared else (cores,)
    pool = ThreadPoolExecutor(workers, 'picture', torch.set_num_threads, share)
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            alone = pixels(item) > LARGE // workers
            if not alone:
                running.append(pool.submit(work, item))
            while running and (alone or len(running) > workers + AHEAD):
                yield running.popleft().result()
            if alone:
                yield work(item)
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)  # of threads that begin later
