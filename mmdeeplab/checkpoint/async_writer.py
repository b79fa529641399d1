"""Run saves one at a time, in the calling thread or in the background."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

Report = Callable[[Exception | None], None]


class Writer:
    """Runs saves; what became of one is reported in the thread that trains.

    Args:
        background: Whether to return at once and save in a thread; Python waits for it at exit.
    """

    def __init__(self, background: bool = False) -> None:
        self.background = background
        self._thread = ThreadPoolExecutor(1, 'checkpoint')
        self._saving: tuple[Future, Report] | None = None

    def run(self, save: Callable[[], None], report: Report) -> None:
        """Save, and call ``report`` with the failure or None; in the background when finishing."""
        self.finish()
        if self.background:
            self._saving = self._thread.submit(save), report
            return
        failure = None
        try:
            save()
        except Exception as error:
            failure = error
        report(failure)

    def finish(self) -> None:
        """Wait for the save in the background, if there is one, and report what became of it."""
        if self._saving is not None:
            (future, report), self._saving = self._saving, None
            report(future.exception())  # type: ignore[arg-type]
