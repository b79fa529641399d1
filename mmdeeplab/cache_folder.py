"""Where what was fetched, measured or compiled on this machine is kept."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = 'MMDEEPLAB_CACHE'


def cache_folder() -> Path:
    """``$MMDEEPLAB_CACHE``, or ``~/.cache/mmdeeplab``."""
    return Path(os.environ.get(VARIABLE) or '~/.cache/mmdeeplab').expanduser()
