"""A disk that is full or read-only at one of ten moments of a save."""

import errno
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.find import NUMBERED, POINTER, newest_valid, read_summary
from mmdeeplab.checkpoint.store import load
from mmdeeplab.fileio.atomic import Disk
from robustness import Outcome
from robustness.tiny import fingerprint, in_child, run_state, tiny_runner, warm

INTERVAL, LENGTH, BROKEN_FROM = 2, 12, 4
REASONS = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO)
MOMENTS = (
    'create',
    'first write',
    'a write',
    'last write',
    'sync',
    'rename',
    'pointer create',
    'pointer write',
    'pointer rename',
    'remove',
)


class BadDisk(Disk):
    """Refuse one call of every save between two numbers of saves.

    Args:
        moment: One of :data:`MOMENTS`.
        reason: The error number.
        saves: First and last of the bad saves, counted from 0.
        check: Called before the first refusal.
    """

    def __init__(
        self, moment: str, reason: int, saves: tuple[int, int], check: Callable[[], None]
    ) -> None:
        self.moment, self.reason, self.saves, self.check = moment, reason, saves, check
        self.count, self.refused, self.calls, self.prefix = -1, 0, 0, ''

    def refuse(self, moment: str) -> None:
        if moment != self.moment or not self.saves[0] <= self.count <= self.saves[1]:
            return
        if not self.refused:
            self.check()
        self.refused += 1
        raise OSError(self.reason, os.strerror(self.reason))

    def create(self, path: Path) -> BinaryIO:
        if NUMBERED.search(path.name):
            self.count, self.prefix = self.count + 1, ''
        else:
            self.prefix = 'pointer ' if POINTER in path.name else 'other '
        self.calls = 0
        self.refuse(f'{self.prefix}create')
        return super().create(path)

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        self.calls += 1
        if self.calls == 1:
            self.refuse(f'{self.prefix}first write' if not self.prefix else f'{self.prefix}write')
        if self.calls == 9:
            self.refuse(f'{self.prefix}a write')
        if len(data) == 64:  # the checksum
            self.refuse(f'{self.prefix}last write')
        super().write(file, data)

    def sync(self, file: BinaryIO) -> None:
        self.refuse(f'{self.prefix}sync')
        super().sync(file)

    def rename(self, source: Path, target: Path) -> None:
        self.refuse(f'{self.prefix}rename')
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self.refuse('remove')
        super().remove(path)


def run(n: int, folder: Path) -> Outcome:
    """Break ``n`` runs, the moments in turn; a fifth on a real disk where mounting is allowed."""
    warm()
    truth = folder / 'truth'
    status = in_child(lambda: _train(folder / 'whole', truth, Disk()), folder / 'log')
    assert status == 0, (folder / 'log').read_text()
    mounts = _can_mount(folder / 'mount')
    failures = []
    for i in range(n):
        place = folder / f'run{i}'
        place.mkdir()
        if mounts and i % 10 >= 8:
            what = 'full tmpfs' if i % 10 == 8 else 'read-only tmpfs'
            fault = _mounted(place, read_only=i % 10 == 9)
        else:
            moment, reason = MOMENTS[i % len(MOMENTS)], random.choice(REASONS)
            what = f'{errno.errorcode[reason]} at {moment}'
            fault = _broken(place, moment, reason, truth)
        if fault:
            failures.append(f'run {i}, {what}: {fault}')
        shutil.rmtree(place)
    return Outcome(n, n - len(failures), failures)


def _train(folder: Path, out: Path, disk: Disk) -> None:
    """The toy's run on ``disk``; writes the fingerprint of its end."""
    runner = logged_runner(folder)
    runner.disk = disk
    runner.train()
    out.write_text(fingerprint(run_state(runner)))


def logged_runner(folder: Path, hooks: list = []) -> Runner:
    """The toy's run with log files that grow at every step."""
    visualizer = dict(
        type='Visualizer',
        vis_backends=[dict(type='mmdeeplab.LocalVisBackend')],
        name=str(folder),
        save_dir=str(folder / 'log'),
    )
    options: dict[str, Any] = dict(
        interval=INTERVAL, visualizer=visualizer, log_level='WARNING', log_every=1
    )
    return tiny_runner(folder, LENGTH, hooks=hooks, **options)


def _broken(place: Path, moment: str, reason: int, truth: Path) -> str:
    work, end, log = place / 'work', place / 'end', place / 'log'
    to_the_end = random.random() < 0.25
    first = 1 + random.randrange(2)
    last = 10**6 if to_the_end else first + random.randrange(2)
    fault = place / 'fault'

    def check() -> None:
        newest = newest_valid(work)
        if newest.path is None or newest.damaged:
            fault.write_text(f'at the refusal: {newest}')

    disk = BadDisk(moment, reason, (first, last), check)
    status = in_child(lambda: _train(work, end, disk), log)
    text = log.read_text()
    if fault.exists():
        return fault.read_text()
    if status != (2 if to_the_end else 0):
        return f'the run ended with {status}: {text[-400:]}'
    if not to_the_end and end.read_text() != truth.read_text():
        return 'the run ended differently from an unbroken one'
    return _inspect(work, text, os.strerror(reason), INTERVAL * first, moment)


def _inspect(work: Path, text: str, reason: str, least: int, moment: str = '') -> str:
    """The message, and what is on the disk afterwards."""
    for word in (str(work), reason, 'training goes on'):
        if word not in text:
            return f'"{word}" is not in the message: {text[-400:]}'
    if moment != 'remove' and 'bytes are free' not in text:
        return f'no space in the message: {text[-400:]}'
    if moment in MOMENTS[:6] and 'it needs' not in text:
        return f'no size in the message: {text[-400:]}'
    newest = newest_valid(work)
    if newest.path is None or newest.damaged:
        return f'afterwards: {newest}'
    if read_summary(newest.path)['iter'] < least:
        return f'afterwards the newest checkpoint is {newest.path.name}'
    for path in work.glob('iter_*'):
        load(path)
    left = [path.name for path in work.glob('.tmp-*')]
    return f'left behind: {left}' if left else ''


def _can_mount(place: Path) -> bool:
    """Whether this user may mount a small file system."""
    if os.geteuid() != 0 or shutil.which('mount') is None:
        return False
    place.mkdir()
    try:
        _call('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place)
        _call('umount', place)
    except subprocess.CalledProcessError:
        return False
    return True


def _call(*command: object) -> None:
    subprocess.run([*map(str, command)], check=True, capture_output=True)


class RealDisk(Hook):
    """Fill the disk or make it read-only after an iteration, and undo it after another."""

    def __init__(self, place: Path, read_only: bool) -> None:
        self.place, self.read_only = place, read_only

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        done = runner.iter + 1
        if done == BROKEN_FROM - 1:
            self.breaks()
        if done == BROKEN_FROM + 3:
            self.mends()

    def breaks(self) -> None:
        if self.read_only:
            # a mount above the first: the run's log file, open below, forbids a plain remount
            _call('mount', '--bind', self.place, self.place)
            _call('mount', '-o', 'remount,bind,ro', self.place)
            return
        with (self.place / 'filler').open('wb', buffering=0) as file:
            try:
                while True:
                    file.write(b'.' * 4096)
            except OSError:
                return

    def mends(self) -> None:
        if self.read_only:
            _call('umount', self.place)
        else:
            (self.place / 'filler').unlink()


def _mounted(place: Path, read_only: bool) -> str:
    mounted, log = place / 'disk', place / 'log'
    mounted.mkdir()
    _call('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted)
    work = mounted / 'work'
    try:

        def train() -> None:
            logged_runner(work, [RealDisk(mounted, read_only)]).train()

        status = in_child(train, log)
        text = log.read_text()
        if status:
            return f'the run ended with {status}: {text[-600:]}'
        reason = os.strerror(errno.EROFS if read_only else errno.ENOSPC)
        return _inspect(work, text, reason, LENGTH)
    finally:
        _call('umount', mounted)
