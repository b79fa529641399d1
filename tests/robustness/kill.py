"""SIGKILL in every stage of a save, in chains: each killed run resumes from what the last left."""

import mmap
import os
import random
import shutil
import signal
import struct
from pathlib import Path
from typing import BinaryIO, NoReturn

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoint.find import NUMBERED, POINTER, newest_valid, read_summary
from mmdeeplab.checkpoint.store import load
from mmdeeplab.fileio.atomic import Disk
from robustness import Outcome
from robustness.tiny import fingerprint, in_child, run_state, tiny_runner, warm

STAGES = ('serialise', 'write', 'rename', 'delete', 'pointer')
INTERVAL, CHAIN, LENGTH = 2, 25, 120  # a chain gets no further than 25 * 2 * 2
KILLED = -signal.SIGKILL


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError('killed')


class DeadlyDisk(Disk):
    """Kill this process in one stage of a save, after ``spared`` saves.

    Args:
        stage: One of :data:`STAGES`.
        spared: Saves that go well before.
        moment: Which of the stage's calls, counted from 0 (the last one where there are fewer).
        late: After the call instead of before; of a write, after half of its bytes.
    """

    def __init__(self, stage: str, spared: int, moment: int, late: bool) -> None:
        self.stage, self.spared, self.moment, self.late = stage, spared, moment, late
        self.name, self.done, self.calls = '', 0, 0

    def armed(self, stage: str, closing: bool = False) -> bool:
        """Whether the call to come is the one."""
        if stage != self.stage or self.done < self.spared:
            return False
        self.calls += 1
        return closing or self.calls > self.moment

    def stage_of_file(self) -> str:
        return 'pointer' if POINTER in self.name else 'write'

    def create(self, path: Path) -> BinaryIO:
        self.name, self.calls = path.name, 0
        if self.armed(self.stage_of_file()) and not self.late:
            die()
        return super().create(path)

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        if self.armed(self.stage_of_file()):
            file.write(data[: len(data) // 2] if self.late else data)
            file.flush()
            die()
        super().write(file, data)

    def sync(self, file: BinaryIO) -> None:
        if self.armed(self.stage_of_file(), closing=True) and not self.late:
            die()
        super().sync(file)
        if self.armed('write', closing=self.stage_of_file() == 'write'):
            die()

    def rename(self, source: Path, target: Path) -> None:
        stage = 'pointer' if target.name == POINTER else 'rename'
        deadly = self.armed(stage, closing=True)
        if deadly and not self.late:
            die()
        super().rename(source, target)
        if deadly:
            die()
        self.done += target.name == POINTER

    def remove(self, path: Path) -> None:
        deadly = self.armed('delete', closing=True)
        if deadly and not self.late:
            die()
        super().remove(path)
        if deadly:
            die()


class Reached(Hook):
    """Tell the parent the iteration; kill while the state is collected, if that is the stage."""

    priority = 'HIGH'

    def __init__(self, memory: mmap.mmap, disk: DeadlyDisk | None = None) -> None:
        self.memory, self.disk = memory, disk

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.memory[:8] = struct.pack('<q', runner.iter + 1)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if self.disk and self.disk.armed('serialise', closing=True):
            die()


def run(n: int, folder: Path) -> Outcome:
    """Kill ``n`` times, the stages in turn."""
    warm()
    truth = folder / 'truth'
    assert in_child(lambda: _finish(folder / 'whole', truth)) == 0, 'the uninterrupted run failed'
    failures: list[str] = []
    survived = 0
    for first in range(0, n, CHAIN):
        chain = folder / f'chain{first}'
        kills = range(first, min(first + CHAIN, n))
        faults = [_kill(chain, STAGES[i % len(STAGES)]) for i in kills]
        end = _end(chain, truth)
        failures += [f'kill {i}: {fault}' for i, fault in zip(kills, faults, strict=True) if fault]
        failures += [f'after the kills {kills[0]} to {kills[-1]}: {end}'] if end else []
        survived += 0 if end else faults.count('')
        shutil.rmtree(chain)
    return Outcome(n, survived, failures)


def _kill(folder: Path, stage: str) -> str:
    """One killed run; the fault that it left, if any."""
    disk = DeadlyDisk(stage, random.randrange(2), random.randrange(24), random.random() < 0.5)
    memory = mmap.mmap(-1, 8)
    resumed = bool(newest_valid(folder).path)

    def work() -> None:
        runner = tiny_runner(
            folder, LENGTH, interval=INTERVAL, resume=resumed, hooks=[Reached(memory, disk)]
        )
        runner.disk = disk
        runner.train()

    status = in_child(work)
    where = f'{stage} ({"late" if disk.late else "early"}, call {disk.moment})'
    if status != KILLED:
        return f'{where}: the run ended with {status} instead of being killed'
    (reached,) = struct.unpack('<q', memory[:8])
    for path in folder.glob('*'):
        if NUMBERED.fullmatch(path.name):
            try:
                load(path)
            except Exception as error:  # whatever it is, the file cannot be loaded
                return f'{where}: {path.name} does not load: {error}'
    newest = newest_valid(folder).path
    saved = read_summary(newest)['iter'] if newest else 0
    if reached - saved > INTERVAL:
        return f'{where}: killed at iteration {reached}, but {saved} is the newest checkpoint'
    pointer = folder / POINTER
    if pointer.exists() and not (folder / pointer.read_text()).is_file():
        return f'{where}: {POINTER} names {pointer.read_text()!r}, which is not there'
    return ''


def _finish(folder: Path, out: Path) -> None:
    """Train to the end and write the fingerprint of everything."""
    resumed = bool(newest_valid(folder).path)
    runner = tiny_runner(folder, LENGTH, interval=LENGTH, resume=resumed)
    runner.train()
    out.write_text(fingerprint(run_state(runner)))


def _end(folder: Path, truth: Path) -> str:
    """Finish the chain's run and compare it with the uninterrupted one."""
    out = folder / 'end'
    status = in_child(lambda: _finish(folder, out))
    if status != 0:
        return f'the run could not be finished ({status})'
    if out.read_text() != truth.read_text():
        return 'the finished run differs from the uninterrupted one'
    left = sorted(path.name for path in folder.glob('.tmp-*'))
    kept = sorted(path.name for path in folder.glob('iter_*'))
    if left or len(kept) != 1:
        return f'left behind: {left}, kept: {kept}'
    return ''
