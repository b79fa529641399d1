"""Refuse files of a data set that are links to places outside its folders."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mmdeeplab.errors import UserError, bad_data

WAY_OUT = 'copy the file, link its whole folder, or set follow_links=True for the data set'


def links_out(folder: Path, names: Iterable[str], root: Path) -> dict[str, Path]:
    """Names of files that lie neither below ``folder`` nor below ``root``, with their real places.

    The folder itself may be a link: whoever set up the data made it. Only names that are links, or
    lie in sub-folders, are resolved.
    """
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        links = {entry.name for entry in entries if entry.is_symlink()}
    homes = [Path(os.path.realpath(home)) for home in (folder, root)]
    real = {
        name: Path(os.path.realpath(folder / name))  # a loop of links is no error here
        for name in names
        if name in links or '/' in name
    }
    return {
        name: path
        for name, path in real.items()
        if not any(path.is_relative_to(home) for home in homes)
    }


def refuse_links_out(folder: Path, names: Iterable[str], root: Path) -> None:
    """Refuse names of files that lie neither below ``folder`` nor below ``root``.

    Raises:
        UserError: It names the first one.
    """
    for name, path in links_out(folder, names, root).items():
        raise bad_data('outside', f'{folder / name} leads out of {root}, to {path}: {WAY_OUT}')


def check_list_name(split: str) -> None:
    """Refuse the name of a split that is a path.

    Raises:
        UserError: It is a path.
    """
    if PurePosixPath(split).name != split:
        raise UserError(f'split must be the name of a list in ImageSets, got {split!r}')
