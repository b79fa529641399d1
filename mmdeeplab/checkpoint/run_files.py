"""The checkpoints of one run in a folder that may hold those of others as well."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mmdeeplab.checkpoint.find import POINTER, read_summary
from mmdeeplab.checkpoint.safetensors_layout import Damaged
from mmdeeplab.fileio.atomic import Disk, replacing


class RunFiles:
    """Which checkpoints of a run are on the disk, and which of them go.

    Args:
        work_dir: Folder of ``last_checkpoint``.
        folder: Folder of the checkpoints.
        started: Time at which the run began, in seconds since 1970, by which its files are known.
        disk: Makes the calls to the file system.
        names: Checkpoints that an earlier process has numbered; those that are there are taken.

    Attributes:
        numbered: Names of the checkpoints ``iter_N`` or ``epoch_N``, the oldest first.
    """

    def __init__(
        self, work_dir: Path, folder: Path, *, started: float, disk: Disk, names: Iterable[str]
    ) -> None:
        self.work_dir, self.folder = work_dir, folder
        self.started, self.disk = started, disk
        self.numbered = [name for name in names if self.iteration(name) is not None]

    def iteration(self, name: str) -> int | None:
        """The iteration of a checkpoint; None if there is none of this name and this run."""
        try:
            summary = read_summary(self.folder / name)
        except (OSError, Damaged):
            return None
        return summary.get('iter') if summary.get('started') == self.started else None

    def newest(self) -> str | None:
        """The newest numbered checkpoint that is still there."""
        names = reversed(self.numbered)
        return next((name for name in names if (self.folder / name).is_file()), None)

    def add(self, name: str, keep: int) -> None:
        """Let ``last_checkpoint`` name a numbered checkpoint, and delete all but the newest.

        Args:
            name: The checkpoint, which has been written.
            keep: How many stay; all if it is not positive.

        Raises:
            OSError: One of both cannot be done; what can be done is.
        """
        if name not in self.numbered:
            self.numbered.append(name)
        relative = os.path.relpath(self.folder / name, self.work_dir)
        try:
            with replacing(self.work_dir / POINTER, self.disk) as file:
                self.disk.write(file, relative.encode())
        finally:
            while len(self.numbered) > keep > 0:
                self.disk.remove(self.folder / self.numbered[0])
                self.numbered.pop(0)

    def keep_best(self, template: str, done: int, old: str | None, best: str | None) -> None:
        """Delete the best checkpoints by one score that are not the best any more, if possible.

        Files of iterations that the run has repeated with another result, after it was resumed with
        other settings, are among them. Those of later iterations stay.

        Args:
            template: Name of these checkpoints, with ``{}`` in place of the number.
            done: Number of completed iterations.
            old: The best checkpoint until now, which may be named in another way.
            best: The best checkpoint now.
        """
        pattern = re.compile(re.escape(template).replace(r'\{\}', r'\d+'))
        names = {path.name for path in self.folder.glob('best_*') if pattern.fullmatch(path.name)}
        for name in filter(None, {*names, old} - {best}):
            iteration = self.iteration(name)
            if iteration is not None and iteration <= done:
                with suppress(OSError):  # the next validation tries again
                    self.disk.remove(self.folder / name)
