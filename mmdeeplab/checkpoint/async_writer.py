"""Run saves one at a time, in the calling thread or in the background."""

import threading
from collections.abc import Callable


class Writer:
    """Runs saves; the failure of one in the background is returned by the next call.

    Args:
        background: Whether to return at once and save in a thread; Python waits for it at exit.
    """

    def __init__(self, background: bool = False) -> None:
        self.background = background
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def busy(self) -> bool:
        """Whether a save has been started whose result was not fetched yet."""
        return self._thread is not None

    def run(self, save: Callable[[], None]) -> Exception | None:
        """Run ``save``; return its failure, or in the background that of the previous save."""
        error = self.wait()
        if not self.background:
            self._try(save)
            return self._take()
        self._thread = threading.Thread(target=self._try, args=(save,), name='checkpoint')
        self._thread.start()
        return error

    def wait(self) -> Exception | None:
        """Wait for the save in the background; return its failure."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        return self._take()

    def _try(self, save: Callable[[], None]) -> None:
        try:
            save()
        except Exception as error:  # returned by the next call
            self._error = error

    def _take(self) -> Exception | None:
        error, self._error = self._error, None
        return error
