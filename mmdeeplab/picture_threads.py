"""Process several pictures at once, each by a part of the cores; results keep their order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

import torch

MOST = 4
"""Number of pictures that are computed at once; each needs its own memory."""
AHEAD = 2
"""Pictures that may be finished or wait in addition, so that writing files stops nobody."""
LARGE = 2**22
"""Pixels that are computed at once; a picture with more than its share of them is so alone."""

Item = TypeVar('Item')
Result = TypeVar('Result')


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of ``size`` items; the last one may be shorter."""
    items = iter(items)
    while chunk := list(islice(items, size)):
        yield chunk


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    pixels: Callable[[Item], int],
    shared: bool = True,
) -> Generator[Result, None, None]:
    """Yield ``work(item)`` for every item, in order, computed by several threads.

    Two cores with a picture each are faster than two cores on one picture, since these wait for
    each other at the end of every layer. The last bits of scores depend on the number of cores, as
    always. Only a few items are taken in advance.

    A single item, or a large one, is computed by the calling thread with all cores, while no other
    thread works, so that it needs no more memory than without threads.

    Args:
        work: The function, called from several threads at once.
        items: The items; if the iterator is closed, the remaining ones are not computed.
        pixels: Gives the size of an item in pixels.
        shared: Whether the threads share the cores. If not, each thread uses all of them, for a
            ``work`` whose main part runs in one thread at a time.

    Raises:
        Exception: Whatever ``work`` raises, in the item's turn.
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
        torch.set_num_threads(cores)  # for threads that start later
