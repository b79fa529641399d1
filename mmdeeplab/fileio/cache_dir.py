"""The folder for everything that is cached on this machine."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = 'MMDEEPLAB_CACHE'


def cache_folder() -> Path:
    """``$MMDEEPLAB_CACHE``, else ``$XDG_CACHE_HOME/mmdeeplab``, else ``~/.cache/mmdeeplab``."""
    if folder := os.environ.get(VARIABLE):
        return Path(folder).expanduser()
    return Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser() / 'mmdeeplab'
