"""The project's own tests on the machine with the GPU."""

import importlib.util
import os
from typing import Any

from benchmarks.case import Skip
from benchmarks.gpu.job import Job
from mmdeeplab.config.shipped import HOME
from mmdeeplab.cores import usable_cores

SMALLEST = 'tests/engine/test_tf32.py'
PROCESSES = 8  # each holds a CUDA context of its own
FOLDERS = ('tests/engine', 'tests/inference', 'tests/evaluation', 'tests/fast')


class Heard:
    """What pytest reports of each test; failures are kept at once, as time may end."""

    def __init__(self, job: Job) -> None:
        self.job, self.passed, self.failed = job, 0, 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.passed += report.when == 'call' and report.passed
        if report.failed:
            self.failed += 1
            line = report.longreprtext.strip().splitlines()[-1]
            self.job.note(report.nodeid, line[:200], 'passes', False)


def tests(job: Job) -> None:
    """Run the project's tests; on a GPU those fail that expect a CPU.

    Raises:
        Skip: There is no pytest.
    """
    if importlib.util.find_spec('pytest') is None:
        raise Skip('pytest is not installed')
    import pytest

    which = [SMALLEST] if job.tiny else ['-m', 'not slow', *FOLDERS]
    os.chdir(HOME)
    heard = Heard(job)
    options = ['-q', '-p', 'no:cacheprovider', '--maxfail', '20']
    if importlib.util.find_spec('xdist') is not None and not job.tiny:
        options += ['-n', str(min(usable_cores(), PROCESSES))]
    status = pytest.main([*options, *which], plugins=[heard])
    words = f'{heard.passed} passed, {heard.failed} failed'
    job.note('pytest', words, 'all pass', status == 0)
