"""Print safely, without control characters from file names, and show progress."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from types import TracebackType
from typing import Any, TextIO, TypeVar

T = TypeVar('T')

DELAY = 2.0  # seconds of silence before progress is shown
SILENCE = 20.0  # seconds between two lines of a log at most, in the first minutes
SHARE = 1 / 20  # of the time passed, later
_CONTROL = r'\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f'
_TURNS_TEXT = r'\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069'  # bidirectional controls
_UNSAFE = re.compile(rf'[{_CONTROL}{_TURNS_TEXT}\u2028\u2029\ud800-\udfff]|(?<!^)\r(?!\n)')
_BAR_MOVES = re.compile(r'[\r\n]*(\x1b\[A)*')
_LEVEL = re.compile(r'[-/: \d]* - \w+ - (\x1b\[\d+m)+[A-Z]+\x1b\[0m - ')  # MMEngine's, coloured


def printable(text: str) -> str:
    r"""The text with escape sequences, other control and bidirectional characters as ``\x1b``.

    Ends of lines and tabs stay; so does a carriage return in front, by which bars start.
    """
    return _UNSAFE.sub(lambda match: match[0].encode('unicode_escape').decode(), text)


def one_line(text: str) -> str:
    """:func:`printable`, with line ends and tabs written out, too, for a name or a sentence."""
    return printable(re.sub(r'[\n\t\r]', lambda match: repr(match[0])[1:-1], text))


def printable_record(record: logging.LogRecord) -> bool:
    """A filter for loggers that makes their messages :func:`printable`."""
    record.msg, record.args = printable(record.getMessage()), None
    return True


class PrintableStream:
    """Wraps a text stream, and makes everything that is written to it :func:`printable`.

    Args:
        stream: The stream of the terminal, or a replacement.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text; the control characters of progress bars and of log colours are kept."""
        if not _BAR_MOVES.fullmatch(text):
            head = level[0] if (level := _LEVEL.match(text)) else ''
            self._stream.write(head + printable(text[len(head) :]))
        else:
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def printable_output() -> Iterator[None]:
    """Make everything on standard output and error :func:`printable` within the block."""
    with ExitStack() as stack:
        if not isinstance(sys.stdout, PrintableStream):
            stack.enter_context(redirect_stdout(PrintableStream(sys.stdout)))
        if not isinstance(sys.stderr, PrintableStream):
            stack.enter_context(redirect_stderr(PrintableStream(sys.stderr)))
        yield


def print_traceback(
    error_type: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A replacement of ``sys.excepthook`` that prints tracebacks without control characters."""
    print(
        printable(''.join(traceback.format_exception(error_type, error, trace))),
        file=sys.stderr,
        end='',
    )


def progress(
    items: Iterable[T], title: str, total: int | None = None, unit: str = 'it'
) -> Iterator[T]:
    """Iterate over items, and show progress on standard error if it takes over :data:`DELAY` s.

    On a terminal it is a bar; otherwise lines, with :func:`gap` seconds between them. Of several
    ranks only the first shows it.

    Args:
        items: The items.
        title: What is done: ``reading train.txt``.
        total: Number of items.
        unit: What the items are.
    """
    if os.environ.get('RANK', '0') != '0':
        yield from items
    elif sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, title, total, leave=False, unit=unit, delay=DELAY)
    else:
        yield from _with_lines(items, title, total, unit)


def gap(passed: float) -> float:
    """Seconds between two lines of progress in a log, given the seconds since the beginning."""
    return max(SILENCE, SHARE * passed)


def _with_lines(items: Iterable[T], title: str, total: int | None, unit: str) -> Iterator[T]:
    start = time.monotonic()
    wait = DELAY
    of = f' of {total:,}' if total is not None else ''
    for count, item in enumerate(items):
        if (passed := time.monotonic() - start) > wait:
            left = f', {passed * (total - count) / count:.0f} s left' if total and count else ''
            print(
                f'{title}: {count:,}{of} {unit} in {passed:.0f} s{left}',
                file=sys.stderr,
                flush=True,
            )
            wait = passed + min(passed, gap(passed))
        yield item
