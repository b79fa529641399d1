"""Detect a process of a run that has frozen, and name it."""

import atexit
import os
import signal
import socket
import threading
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import torch
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.distributed import PrefixStore, Store, TCPStore

from mmdeeplab.engine.distributed.ranks import TIMEOUT
from mmdeeplab.registry import HOOKS

PERIOD = 1.0  # seconds between two signs of life
SILENT = 3  # missing signs that blame a rank once an exchange failed
# Share of the limit of exchanges: past it, NCCL's watchdog ends the ranks that wait for a frozen
# one, and the launcher would name one of those.
SHARE = 0.8


def machine() -> str:
    """An id of this boot of this system or container, inside which process numbers are unique.

    The host name does not suffice: two machines may have the same.
    """
    boot_id, namespace = Path('/proc/sys/kernel/random/boot_id'), Path('/proc/self/ns/pid')
    try:
        return f'{boot_id.read_text().strip()}/{namespace.stat().st_ino}'
    except OSError:  # not Linux's own
        return f'{uuid.getnode()}'


@HOOKS.register_module()
class HeartbeatHook(Hook):
    """Every rank gives a sign of life each second; a rank that stops doing so is named and ended.

    Rank 0 watches the others, rank 1 watches rank 0. Otherwise a frozen process (a stopped node, a
    dead disk) would make all others wait silently in their next communication.

    Args:
        timeout: Seconds without a sign of life. The default is 0.8 of ``env_cfg.dist_cfg.timeout``,
            so that the frozen rank is found before the communication of the others times out.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self.timeout = timeout or 0.0
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None

    def before_train(self, runner: Runner) -> None:
        self.rank, self.world_size = runner.rank, runner.world_size
        self.timeout = self.timeout or SHARE * getattr(runner, 'timeout', TIMEOUT)
        if self.world_size < 2 or 'MASTER_ADDR' not in os.environ:
            return
        self.runner = runner
        self.stop = threading.Event()  # an earlier training has set its own
        self.store = self._connect()
        self._sign(0)
        watched = range(1, self.world_size) if self.rank == 0 else range(self.rank == 1)
        self.last_signs = {rank: ('', time.monotonic()) for rank in watched}
        self.thread = threading.Thread(target=self._beat, name='heartbeat', daemon=True)
        self.thread.start()
        atexit.register(self.close)

    def _connect(self) -> Store:
        address, port = os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT'])
        store = TCPStore(address, port, None, False, timedelta(seconds=60))
        start_time = torch.tensor(time.time_ns())  # the store may outlive this process
        dist.broadcast(start_time, 0)
        return PrefixStore(f'heartbeat/{int(start_time)}', store)

    def after_train(self, runner: Runner) -> None:
        self.close()

    def close(self) -> None:
        """Stop the signs of life.

        A thread that is inside the store while Python ends aborts the process ("terminate called
        without an active exception"), whose exit status is then not its own.
        """
        atexit.unregister(self.close)  # or the run would be kept in memory
        self.stop.set()
        if self.thread is not None:
            self.thread.join(SILENT * PERIOD)

    def _beat(self) -> None:
        count = 0
        while not self.stop.wait(PERIOD):
            count += 1
            try:
                self._sign(count)
                self._watch()
            except RuntimeError:  # the store went with its process: the job is ending
                return

    def _sign(self, count: int) -> None:
        sign = f'{count} {self.runner.iter} {os.getpid()} {machine()} {socket.gethostname()}'
        self.store.set(str(self.rank), sign)

    def blame(self) -> None:
        """If a communication has failed and some rank is silent, name it and end the job."""
        self.timeout = min(self.timeout, SILENT * PERIOD)
        self.stop.wait((SILENT + 1) * PERIOD)

    def _watch(self) -> None:
        now = time.monotonic()
        for rank, (last_sign, since) in self.last_signs.items():
            sign = self.store.get(str(rank)).decode() if self.store.check([str(rank)]) else ''
            if sign != last_sign:
                self.last_signs[rank] = (sign, now)
            elif now - since > self.timeout and sign:  # a rank that has not begun has none
                self._end(rank, sign, now - since)

    def _end(self, rank: int, sign: str, silence: float) -> NoReturn:
        _, step, pid, machine_id, host = sign.split(maxsplit=4)
        print(
            f'error: rank {rank} (process {pid} on {host}) has given no sign of life for '
            f'{silence:.0f} s, its last was in iteration {step}: the job ends',
            flush=True,
        )
        if machine_id == machine():
            with suppress(ProcessLookupError):  # otherwise its launcher would wait for it to end
                os.kill(int(pid), signal.SIGKILL)
            time.sleep(2)  # so that the launcher sees the failed rank first
        os._exit(1)
