"""Keep worker processes of data loaders alive when a signal asks the run to stop."""

import atexit
import mmap
import os
import signal

from mmengine.dataset.utils import worker_init_fn

# For each main process one byte shared with the workers it forks: 1 once it is leaving.
_leaving: dict[int, mmap.mmap] = {}


def shield_workers() -> None:
    """Prepare the main process; call before it starts workers with :func:`init_worker`."""
    if os.getpid() not in _leaving:
        _leaving[os.getpid()] = mmap.mmap(-1, 1)
        atexit.register(_leave)


def _leave() -> None:
    if flag := _leaving.get(os.getpid()):
        flag[0] = 1


def init_worker(worker_id: int, **kwargs: int) -> None:
    """Seed a worker as MMEngine does, and ignore signals that are sent to every process.

    A scheduler or a terminal sends them to workers as well, but the step in progress still needs
    its batch. A worker ends when the main process tells it to, or ends itself.
    """
    worker_init_fn(worker_id, **kwargs)
    flag = _leaving.get(os.getppid())
    if flag is None:  # started by spawn: nothing is shared
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0) if flag[0] else None)
