"""The project's own tests on the machine with the GPU."""

import importlib.util
import os
from typing import Any

from benchmarks.case import Skip
from benchmarks.gpu.job import Job
from mmdeeplab.config.shipped import HOME

SMALLEST = 'tests/engine/test_tf32.py'
FOLDERS = ('tests/engine', 'tests/inference', 'tests/evaluation', 'tests/fast')


class Heard:
    """What pytest reports of each test."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.passed += report.when == 'call' and report.passed
        if report.failed:
            self.failed[report.nodeid] = report.longreprtext.strip().splitlines()[-1]


def tests(job: Job) -> None:
    """What fails is what takes a CPU for granted.

    Raises:
        Skip: There is no pytest.
    """
    if importlib.util.find_spec('pytest') is None:
        raise Skip('pytest is not installed')
    import pytest

    which = [SMALLEST] if job.tiny else ['-m', 'not slow', *FOLDERS]
    os.chdir(HOME)
    heard = Heard()
    options = ['-q', '-p', 'no:cacheprovider', '--maxfail', '20']
    status = pytest.main([*options, *which], plugins=[heard])
    words = f'{heard.passed} passed, {len(heard.failed)} failed'
    job.note('pytest', words, 'all pass', status == 0)
    for name, line in heard.failed.items():
        job.note(name, line[:200], 'passes', False)
