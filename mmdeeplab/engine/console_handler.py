"""Choose which lines of the log are printed on the console."""

import inspect
import logging
import os
import sys
from pathlib import Path

from mmengine.hooks import LoggerHook
from mmengine.logging import MMLogger
from tqdm import tqdm

from mmdeeplab.console import printable_record

# Paths of code whose notices are printed; whole ones, as a checkout may be called mmdeeplab, too.
CONSOLE_SOURCES = (str(Path(__file__).parents[1]) + os.sep, inspect.getfile(LoggerHook))
NOISE = ('"FileClient" will be', '"HardDiskBackend" is', 'Exp name:')  # MMEngine on itself


class ConsoleHandler(logging.StreamHandler):
    """Print our notices in one short line each, above any progress bar.

    MMEngine's own notices (environment, the whole config, the order of hooks) go to the log file
    only; all warnings are printed.
    """

    def __init__(self) -> None:
        super().__init__(sys.stdout)  # MMEngine's MLflow backend looks at handlers' streams
        self.setFormatter(logging.Formatter('%(asctime)s  %(message)s', '%H:%M:%S'))

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith(NOISE):
            return False
        return record.levelno >= logging.WARNING or record.pathname.startswith(CONSOLE_SOURCES)

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stdout)
        sys.stdout.flush()


def to_console(logger: MMLogger) -> MMLogger:
    """Let the logger print through a :class:`ConsoleHandler` from now on, and return it."""
    for i, handler in enumerate(logger.handlers):
        if type(handler) is logging.StreamHandler:
            logger.handlers[i] = console = ConsoleHandler()
            console.setLevel(handler.level)
    logger.addFilter(printable_record)
    return logger
