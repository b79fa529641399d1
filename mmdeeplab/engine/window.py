"""The last values of a logged scalar, without copying them all for each new one."""

import numpy as np
from mmengine.logging import HistoryBuffer

ROOM = 256  # values, at least, that there is room for


class Window(HistoryBuffer):
    """MMEngine's buffer in arrays with room for what comes: the same values, types and methods.

    What was handed out as ``data`` is never overwritten.

    Args:
        buffer: Whose values are taken over.
        length: Values kept.
    """

    _values: np.ndarray
    _counts: np.ndarray
    _end: int

    def __init__(self, buffer: HistoryBuffer, length: int) -> None:
        super().__init__(max_length=length)
        self._move(*buffer.data)

    def update(self, log_val: int | float, count: int = 1) -> None:
        """Append a value.

        Raises:
            TypeError: It, or its count, is no number.
        """
        if not (isinstance(log_val, (int, float)) and isinstance(count, (int, float))):
            raise TypeError(f'a value and its count are int or float, got {log_val!r}, {count!r}')
        if self._end == len(self._values):
            self._move(self._log_history, self._count_history)
        if isinstance(log_val, float) and self._values.dtype != np.float64:
            self._values = self._values.astype(np.float64)
        if isinstance(count, float) and self._counts.dtype != np.float64:
            self._counts = self._counts.astype(np.float64)
        self._values[self._end], self._counts[self._end] = log_val, count
        self._end += 1
        self._show()

    def _move(self, values: np.ndarray, counts: np.ndarray) -> None:
        """Into new arrays with as much room again."""
        values, counts = values[-self.max_length :], counts[-self.max_length :]
        self._end, room = len(values), max(len(values), ROOM)
        self._values, self._counts = (np.resize(x, room + len(x)) for x in (values, counts))
        self._show()

    def _show(self) -> None:
        part = slice(max(self._end - self.max_length, 0), self._end)
        self._log_history, self._count_history = self._values[part], self._counts[part]
