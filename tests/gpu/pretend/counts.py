"""Launches, waits and copies, by the line of Python that caused them."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWN = str(Path(__file__).parent)
PASSED_OVER = ('/torch/', 'contextlib.py', 'functools.py', '<frozen', '<string>')


class Counts:
    """What happened: ``launches`` by line, ``waits`` and ``copies`` by kind and line."""

    def __init__(self) -> None:
        self.launches: Counter[str] = Counter()
        self.waits: Counter[tuple[str, str]] = Counter()
        self.copies: Counter[tuple[str, str]] = Counter()

    def report(self) -> dict:
        """As JSON holds it; the most frequent lines first."""
        pageable = sum(n for (kind, _), n in self.copies.items() if kind == 'pageable to device')
        return dict(
            launches=sum(self.launches.values()),
            waits=sum(self.waits.values()),
            pageable=pageable,
            launched_by=[f'{n} {line}' for line, n in self.launches.most_common(25)],
            waited_by=[f'{n} {kind} {line}' for (kind, line), n in self.waits.most_common(40)],
            copied_by=[f'{n} {kind} {line}' for (kind, line), n in self.copies.most_common(40)],
        )


OPEN: list[Counts] = []  # those that count at present


@contextmanager
def counting() -> Iterator[Counts]:
    """Count while the context lasts."""
    one = Counts()
    OPEN.append(one)
    try:
        yield one
    finally:
        OPEN.remove(one)


def launch(times: int = 1) -> None:
    """Note kernels."""
    if OPEN:
        line = culprit()
        for one in OPEN:
            one.launches[line] += times


def wait(kind: str) -> None:
    """Note that the host waits for the device."""
    if OPEN:
        line = culprit()
        for one in OPEN:
            one.waits[kind, line] += 1


def copy(kind: str) -> None:
    """Note a copy between host and device."""
    if OPEN:
        line = culprit()
        for one in OPEN:
            one.copies[kind, line] += 1


def culprit() -> str:
    """The innermost line outside of torch, and behind it the project's that led there."""
    frame, lines = sys._getframe(1), []
    while frame is not None:
        name = frame.f_code.co_filename
        own = '/mmdeeplab/' in name and 'site-packages' not in name
        if not name.startswith(OWN) and not any(part in name for part in PASSED_OVER):
            lines.append(f'{short(name)}:{frame.f_lineno}')
            if own:
                break
        frame = frame.f_back
    if not lines:
        return 'torch'
    return lines[0] if len(lines) == 1 else f'{lines[0]} <- {lines[-1]}'


def short(path: str) -> str:
    """Without the folders in front of the package."""
    inside = path.rpartition('site-packages/')[2]
    return 'mmdeeplab/' + inside.rpartition('/mmdeeplab/')[2] if '/mmdeeplab/' in inside else inside
