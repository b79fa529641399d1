"""A finding of the doctor: what is wrong, and the command that fixes it."""

from typing import NamedTuple

ERROR, WARNING = 'error', 'warning'


class Finding(NamedTuple):
    """One thing that is wrong."""

    severity: str
    words: str
    command: str
