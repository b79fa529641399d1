"""Resident memory of a long run, thousand iterations by thousand."""

import json
import os
from itertools import pairwise
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import Runner

from robustness import Outcome
from robustness.tiny import in_child, tiny_runner, warm

STEP, WARM_UP, LIMIT = 1000, 1000, 1 << 20
PAGE = os.sysconf('SC_PAGE_SIZE')


class Resident(Hook):
    """Note the resident memory, in bytes, after the warm-up and every thousand iterations."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.bytes: list[int] = []

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        done = runner.iter + 1
        if done >= WARM_UP and (done - WARM_UP) % STEP == 0:
            self.bytes.append(int(Path('/proc/self/statm').read_text().split()[1]) * PAGE)


def run(n: int, folder: Path) -> Outcome:
    """``n`` thousand iterations that log, save and validate; each thousand is one attempt."""
    warm()
    resident, out = Resident(), folder / 'bytes'

    def work() -> None:
        tiny_runner(
            folder / 'work', WARM_UP + n * STEP, interval=250, hooks=[resident], validate=500
        ).train()
        out.write_text(json.dumps(resident.bytes))

    status = in_child(work, folder / 'log')
    if status:
        return Outcome(
            n, 0, [f'the run ended with {status}: {(folder / "log").read_text()[-300:]}']
        )
    sizes = json.loads(out.read_text())
    growth = [after - before for before, after in pairwise(sizes)]
    failures = [
        f'iterations {WARM_UP + i * STEP} to {WARM_UP + (i + 1) * STEP}: {more / LIMIT:+.2f} MB'
        for i, more in enumerate(growth)
        if more >= LIMIT
    ]
    return Outcome(n, n - len(failures), failures)
