"""To be written."""

from pathlib import Path

from mmdeeplab.torture import Outcome


def run(n: int, folder: Path) -> Outcome:
    """Try ``n`` times."""
    raise NotImplementedError
