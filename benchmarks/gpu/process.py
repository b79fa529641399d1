"""Work in a process of its own, ended after a time."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import torch

GRACE = 10.0  # seconds between SIGTERM and SIGKILL: torchrun's ranks are told by it


class Ended(NamedTuple):
    """How a process ended: its exit status (below 0: the signal), and whether its time was over."""

    status: int
    late: bool


def alone(work: Callable[..., object], *arguments: Any, log: Path, limit: float) -> Ended:
    """Call ``work(*arguments)`` in a process of its own; what it prints goes to ``log``.

    The process is forked from this one where PyTorch was built without CUDA, which spares the
    imports; a CUDA context cannot be forked, so elsewhere it is a new one. It ends with all its
    children when ``limit`` seconds are over, and when this process ends.
    """
    start_method = 'spawn' if torch.backends.cuda.is_built() else 'fork'
    context: Any = multiprocessing.get_context(start_method)
    process = context.Process(target=_begin, args=(work, arguments, log))
    process.start()
    try:
        process.join(limit)
    except BaseException:
        _end(process)
        raise
    late = process.is_alive()
    if late:
        _end(process)
    return Ended(process.exitcode, late)


def _end(process: Any) -> None:
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        process.join(seconds)


def _begin(work: Callable[..., object], arguments: tuple, log: Path) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    log.parent.mkdir(parents=True, exist_ok=True)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    # The parent's streams may be objects that captured its output.
    sys.stdout, sys.stderr = (os.fdopen(fd, 'w', 1, closefd=False) for fd in (1, 2))
    threading.Thread(target=_follow_parent, daemon=True).start()
    try:
        work(*arguments)
    finally:
        for child in multiprocessing.active_children():
            child.kill()  # workers of loaders, who are shielded from SIGTERM


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.killpg(0, signal.SIGTERM)
