"""Answer signals in a thread, even while the main thread waits in C code.

Python runs a signal's handler only between two of its own instructions. A rank that waits for
a lost one stays inside CUDA and never runs the handler. But the interpreter writes the number of
each signal to a socket at once, and the thread of this module reads it.
"""

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

# Seconds in which a signal must be answered. torchrun kills 30 s after SIGTERM; SIGUSR1 is a notice
# ahead of time (docs/distributed.md asks Slurm for 120 s).
LIMITS = {signal.SIGTERM: 25.0, signal.SIGINT: 25.0, signal.SIGUSR1: 100.0}
ECHO = 2.0  # seconds in which a second signal is the first one, sent on by a launcher


class SignalWatch(threading.Thread):
    """End the process on a second signal, or if the first one is not answered in time.

    The exit status is 128 + the signal. Nothing is saved: in the middle of a step there is no state
    that a run could resume from. Must be created in the main thread, where Python handles the
    signals of ``LIMITS``.

    Args:
        answered: Tells whether the main thread has noticed the signal and will end by itself.
    """

    active = 0

    def __init__(self, answered: Callable[[], bool]) -> None:
        super().__init__(name='signals', daemon=True)
        self.answered = answered
        self.reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)
        self.previous_fd = signal.set_wakeup_fd(self.writer.fileno(), warn_on_full_buffer=False)
        SignalWatch.active += 1
        self.start()

    def close(self) -> None:
        """Stop watching."""
        signal.set_wakeup_fd(self.previous_fd)
        SignalWatch.active -= 1
        self.writer.send(b'\0')
        self.join()
        self.reader.close()
        self.writer.close()

    def run(self) -> None:
        first_signal, since = 0, 0.0
        limit: float | None = None
        while True:
            remaining = None if limit is None else max(limit - time.monotonic(), 0)
            if not select.select([self.reader], [], [], remaining)[0]:
                limit = None
                if not self.answered():
                    self._give_up(first_signal, time.monotonic() - since)
                continue
            for number in self.reader.recv(4096):
                if number == 0:
                    return
                now = time.monotonic()
                if number in LIMITS and not first_signal:
                    first_signal, since, limit = number, now, now + LIMITS[signal.Signals(number)]
                elif number in LIMITS and (now - since > ECHO or number != first_signal):
                    os._exit(128 + number)

    def _give_up(self, number: int, waited: float) -> None:
        text = (
            f'error: {signal.Signals(number).name} came {waited:.0f} s ago, and the step does not '
            'end (it waits for another process or for a device): leaving without saving; --resume '
            'goes on from the newest checkpoint\n'
        )
        os.write(2, text.encode())  # sys.stderr's lock may be held
        os._exit(128 + number)


def _forget() -> None:
    """Forget the socket in a forked process, whose signals would otherwise reach the parent."""
    if SignalWatch.active:
        with suppress(ValueError):
            signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget)
