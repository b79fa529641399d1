"""Notice what code does behind our back: canaries, a secret, and Python's own audit events."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What no reading of a file has a reason for. (Imports and compilation are everyday.)
DEEDS = ('os.system', 'subprocess.Popen', 'os.exec', 'os.posix_spawn', 'os.spawn', 'socket.connect')


class Watch:
    """A canary that no file may touch and a secret outside that no file may reach.

    Args:
        folder: Holds ``outside/``; the hostile files lie elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        self.outside = folder / 'outside'
        self.outside.mkdir(parents=True)
        self.canary = self.outside / 'canary'
        self.secret = self.outside / 'secret.txt'
        self.secret.write_text('a secret\n')
        self.deeds: list[str] = []
        self.active = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        if not self.active:
            return
        if event in DEEDS and str(self.outside) in repr(arguments):  # not `gcc --version`
            self.deeds.append(f'{event} {arguments!r}'[:200])
        if event == 'open' and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if path.startswith(str(self.outside.resolve()) + os.sep):
                self.deeds.append(f'open {path}')

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Everything inside is watched; afterwards :meth:`seen` tells."""
        self.deeds.clear()
        self.canary.unlink(missing_ok=True)
        self.before = self._state()
        # so old that file systems that note only the first read after a write note the next one
        os.utime(self.secret, ns=(0, self.secret.stat().st_mtime_ns))
        self.active = True
        try:
            yield
        finally:
            self.active = False

    def seen(self) -> list[str]:
        """What happened that may not."""
        found = list(self.deeds)
        if self.secret.stat().st_atime_ns:
            found.append('the secret was read')
        return found + [f'outside changed: {name}' for name in self._state() ^ self.before]

    def _state(self) -> set[str]:
        return {path.name for path in self.outside.iterdir()}
