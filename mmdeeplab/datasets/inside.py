"""Files of a data set lie in its folders; links that lead out of them are not followed."""

import os
from collections.abc import Iterable
from pathlib import Path

from mmdeeplab.errors import UserError


def refuse_links_out(folder: Path, names: Iterable[str], root: Path) -> None:
    """Refuse names that lead out of both ``folder`` and ``root``.

    A folder may itself be a link: who set up the data made it. Only names that are links, or lie
    in sub-folders, cost a look at the disk.

    Raises:
        UserError: At the first that leads out.
    """
    with os.scandir(folder) as entries:
        links = {entry.name for entry in entries if entry.is_symlink()}
    for name in names:
        if name in links or '/' in name:
            real = (folder / name).resolve()
            if not any(real.is_relative_to(home.resolve()) for home in (folder, root)):
                raise UserError(
                    f'{folder / name} leads out of {root}, to {real}: copy the file, link its '
                    'whole folder, or set follow_links=True for the data set'
                )
