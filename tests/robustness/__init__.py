"""Proofs of robustness by trying: each suite breaks something ``n`` times and counts survivals.

A suite is a module with ``run(n, folder) -> Outcome``. It may draw from ``random``, which the
command seeds, and writes under ``folder`` only. ``tools/torture.py`` runs suites by name.
"""

import importlib
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.errors import choose


class Outcome(NamedTuple):
    """What became of the attempts; each failure is one line that tells how to repeat it."""

    tried: int
    survived: int
    failures: list[str]


class Suite(NamedTuple):
    """One row of the table: where it lives, how often it tries, what surviving means."""

    module: str
    full: int
    small: int
    sentence: str


SUITES = {
    'kill': Suite(
        'robustness.kill',
        1000,
        20,
        'SIGKILL in every stage of a save: each file under a final name loads, each resume works, '
        'at most one interval is lost',
    ),
    'resume': Suite(
        'robustness.resume',
        100,
        6,
        'stop anywhere, resume with any number of workers: bit-identical to the uninterrupted run',
    ),
    'signals': Suite(
        'robustness.signals',
        100,
        6,
        'SIGTERM, SIGINT, SIGUSR1: the step is finished and saved, the exit code as documented',
    ),
    'disk': Suite(
        'robustness.disk',
        40,
        10,
        'full or read-only disk in a save: training goes on, the last good file is intact',
    ),
    'ranks': Suite(
        'robustness.ranks',
        22,
        2,
        'a dead or frozen rank ends the job in time and is named; restarts reach the same bits',
    ),
    'memory': Suite(
        'robustness.memory',
        10,
        1,
        'resident memory grows by less than 1 MB in a thousand iterations',
    ),
    'nonfinite': Suite(
        'robustness.nonfinite',
        80,
        8,
        'NaN or Inf in loss, gradient, weight or input: the step is skipped, then the run stopped '
        'with the batch named; no such checkpoint is saved, no such logits evaluated',
    ),
    'typos': Suite(
        'robustness.typos',
        200,
        40,
        'mistyped keys, options and class names: refused before step 0, the right word suggested',
    ),
    'wrong-checkpoints': Suite(
        'robustness.wrong_checkpoints',
        132,
        8,
        'wrong checkpoints, 24 at each of 5 doors (load_from, resume, init_cfg, test, predict) and '
        '4 more at three: a sentence, and no step is made',
    ),
    'hostile': Suite(
        'robustness.hostile',
        60,
        60,
        'files that would run code or lead out of their folder: nothing runs, nothing leaks',
    ),
}


def run_suite(name: str, n: int, folder: Path) -> Outcome:
    """Try the suite ``name`` ``n`` times, writing under ``folder``.

    Raises:
        ValueError: No such suite.
    """
    choose('the suite', name, tuple(SUITES))
    outcome = importlib.import_module(SUITES[name].module).run(n, folder)
    assert outcome.tried > 0, f'the suite {name} tried nothing'
    return outcome
