"""The folder for everything that is cached on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from mmdeeplab.errors import UserError

VARIABLE = 'MMDEEPLAB_CACHE'


def cache_folder() -> Path:
    """``$MMDEEPLAB_CACHE``, else ``$XDG_CACHE_HOME/mmdeeplab``, else ``~/.cache/mmdeeplab``.

    A relative ``$XDG_CACHE_HOME`` is ignored, as its specification demands: the cache would move
    with the working directory.

    Raises:
        UserError: The user has no home folder, as in a container.
    """
    try:
        if folder := os.environ.get(VARIABLE):
            return Path(folder).expanduser()
        shared = Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser()
        shared = shared if shared.is_absolute() else Path('~/.cache').expanduser()
        return shared / 'mmdeeplab'
    except RuntimeError as error:
        raise UserError(
            f'no home folder is known for the cache: set {VARIABLE} to a folder'
        ) from error
