"""What reaches the console."""

import inspect
import logging

import pytest
from mmengine.hooks import LoggerHook

from mmdeeplab.engine import console_handler, runner


@pytest.mark.parametrize(
    ('path', 'level', 'message', 'shown'),
    [
        (inspect.getfile(runner), logging.INFO, 'training', True),
        (inspect.getfile(LoggerHook), logging.INFO, 'Iter(train)', True),
        (inspect.getfile(LoggerHook), logging.INFO, 'Exp name: x', False),
        # a checkout called mmdeeplab has the whole stack below that name
        ('/home/me/mmdeeplab/.venv/lib/mmengine/runner/runner.py', logging.INFO, 'Config:', False),
        ('/home/me/mmdeeplab/.venv/lib/mmengine/runner/runner.py', logging.WARNING, 'odd', True),
    ],
)
def test_notices_are_chosen_by_who_gives_them(
    path: str, level: int, message: str, shown: bool
) -> None:
    record = logging.LogRecord('mmengine', level, path, 1, message, (), None)
    assert console_handler.ConsoleHandler().filter(record) is shown
