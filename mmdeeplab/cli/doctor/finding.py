"""What the doctor says: what is wrong, and the command that mends it."""

from typing import NamedTuple

ERROR, WARNING = 'error', 'warning'


class Finding(NamedTuple):
    """One thing that is wrong."""

    severity: str
    words: str
    command: str
