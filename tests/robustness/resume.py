"""Stop a run anywhere, go on with other workers, compare every bit with the uninterrupted run."""

import json
import os
import random
import shutil
from pathlib import Path

from robustness import Outcome
from robustness.tiny import Trace, in_child, on_ranks, tiny_runner, warm

LENGTH, WORKERS = 30, (0, 1, 2, 4)
INTERRUPTED = 143
ALL_RANKS = 5  # every so many trials run on two ranks


def run(n: int, folder: Path) -> Outcome:
    """Stop and resume ``n`` times; the first stops with four workers and resumes with none."""
    warm()
    truths = {ranks: _truth(folder / f'whole{ranks}', ranks) for ranks in (1, 2)}
    failures = []
    for i in range(n):
        ranks = 2 if i % ALL_RANKS == 1 else 1
        before, after = (4, 0) if i == 0 else (random.choice(WORKERS), random.choice(WORKERS))
        stop = random.randrange(1, LENGTH)
        fault = _trial(folder / f'run{i}', truths[ranks], ranks, stop, before, after)
        if fault:
            failures.append(
                f'trial {i}, {ranks} ranks, stopped at {stop} of {LENGTH}, {before} workers, '
                f'resumed with {after}: {fault}'
            )
        shutil.rmtree(folder / f'run{i}')
    return Outcome(n, n - len(failures), failures)


def _train(folder: Path, workers: int, resume: bool, stop_at: int, ranks: int) -> list[int]:
    """Train; each rank writes what it saw to ``trace-RANK-RESUME``."""

    def work() -> None:
        trace = Trace(stop_at)
        rank = int(os.environ.get('RANK', 0))
        runner = tiny_runner(
            folder / 'work',
            LENGTH,
            interval=7,
            workers=workers,
            resume=resume,
            hooks=[trace],
            validate=10,
            launcher='pytorch' if ranks > 1 else 'none',
        )
        try:
            runner.train()
        finally:
            (folder / f'trace-{rank}-{resume}').write_text(json.dumps(trace.steps))

    folder.mkdir(exist_ok=True)
    log = folder / 'log'
    return on_ranks(work, ranks, log) if ranks > 1 else [in_child(work, log)]


def _truth(folder: Path, ranks: int) -> list[dict]:
    status = _train(folder, 0, False, 0, ranks)
    assert status == [0] * ranks, f'the uninterrupted run failed: {(folder / "log").read_text()}'
    return [json.loads((folder / f'trace-{rank}-False').read_text()) for rank in range(ranks)]


def _trial(folder: Path, truth: list[dict], ranks: int, stop: int, before: int, after: int) -> str:
    for workers, resume, expected in ((before, False, INTERRUPTED), (after, True, 0)):
        status = _train(folder, workers, resume, 0 if resume else stop, ranks)
        if status != [expected] * ranks:
            tail = (folder / 'log').read_text()[-300:]
            return f'the {"resumed" if resume else "first"} run ended with {status}: {tail}'
        wanted = range(stop + 1, LENGTH + 1) if resume else range(1, stop + 1)
        for rank in range(ranks):
            seen = json.loads((folder / f'trace-{rank}-{resume}').read_text())
            odd = [i for i in wanted if seen.get(str(i)) != truth[rank][str(i)]]
            if odd or len(seen) != len(wanted):
                return f'rank {rank} differs first at iteration {odd[:1]}, {len(seen)} steps seen'
    return ''
