"""Run one inference at a time; others wait in a queue of bounded length."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from mmdeeplab.serve.limits import Refusal, RequestLimits

Result = TypeVar('Result')


class InferenceQueue:
    """Runs jobs one after the other in its own thread.

    Args:
        limits: How many jobs may wait, and how long.
    """

    def __init__(self, limits: RequestLimits) -> None:
        self.limits = limits
        self.worker = ThreadPoolExecutor(1, thread_name_prefix='segment')
        self.jobs: list[Future] = []

    @property
    def unfinished(self) -> int:
        """Number of jobs that run or wait; one that timed out counts until it ends."""
        self.jobs = [job for job in self.jobs if not job.done()]
        return len(self.jobs)

    async def run(
        self, work: Callable[[], Result], gone: Callable[[], Coroutine[Any, Any, None]]
    ) -> Result:
        """The result of ``work``, when its turn has come.

        Args:
            work: Runs in the worker's thread.
            gone: Returns when nobody waits for the result any more; then a job that has not begun
                leaves the queue.

        Raises:
            Refusal: 503 where the queue is full, 504 where time is up.
        """
        if self.unfinished > self.limits.waiting:
            raise Refusal(503, 'too many requests are waiting; try again in a moment')
        job = self.worker.submit(work)
        self.jobs.append(job)
        disconnection = asyncio.ensure_future(gone())
        ended = asyncio.wrap_future(job)
        futures: set[asyncio.Future] = {ended, disconnection}
        try:
            await asyncio.wait(
                futures, timeout=self.limits.timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if ended.done():
                return ended.result()
            if disconnection.done():
                raise Refusal(499, 'the connection was closed')
            raise Refusal(504, f'no result within {self.limits.timeout:g} s; send a smaller one')
        finally:
            ended.cancel()
            disconnection.cancel()
