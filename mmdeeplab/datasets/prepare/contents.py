"""Find the files of a data set's splits, and whether they are complete."""

from pathlib import Path

from mmdeeplab.datasets.prepare.table import Archive, DataSet, Files, Split
from mmdeeplab.datasets.prepare_voc.layout import LISTS, SHOWN
from mmdeeplab.datasets.split_list import read_split
from mmdeeplab.errors import UserError


def list_path(folder: Path, split: Split) -> Path:
    """The file that lists the ids of a split for the configs."""
    return folder / LISTS / f'{split.list_name}.txt'


def ids_of(folder: Path, files: Files, below: str) -> set[str]:
    """Ids, ``BELOW/.../NAME``, of the files below a folder that have the suffix of ``files``."""
    top = folder / files.folder
    return {
        path.relative_to(top).as_posix().removesuffix(files.suffix)
        for path in (top / below).rglob(f'*{files.suffix}')
    }


def split_ids(data: DataSet, folder: Path, split: Split) -> set[str]:
    """Ids of the images of a split: those of the archive's list, or all in its folder.

    Raises:
        UserError: The archive's list is not a list of ids.
    """
    if split.listed is None:
        return ids_of(folder, data.images, split.below)
    path = folder / split.listed
    return set(read_split(path)) if path.is_file() else set()


def lacks(data: DataSet, folder: Path, archive: Archive) -> bool:
    """Whether some file that the archive contains is missing."""
    for split in data.splits:
        if split.name not in archive.splits:
            continue
        ids = split_ids(data, folder, split)
        if 'images' in archive.gives and (
            len(ids) != split.count or ids - ids_of(folder, data.images, split.below)
        ):
            return True
        if 'masks' in archive.gives:
            masks = ids_of(folder, data.masks, split.below)
            raw = ids_of(folder, data.raw, split.below) if data.raw else set()
            if not ids or ids - masks - raw:
                return True
    return False


def fault(data: DataSet, folder: Path) -> str:
    """What is missing or wrong in a data set, in words; empty if it is ready."""
    for split in data.splits:
        path = list_path(folder, split)
        if not path.is_file():
            return f'there is no {path}'
        try:
            ids = read_split(path)
        except UserError as error:
            return str(error)
        if len(set(ids)) != split.count or len(ids) != split.count:
            return f'{path} names {len(set(ids)):,} images, not {split.count:,}'
        for files in (data.images, data.masks):
            if missing := sorted(set(ids) - ids_of(folder, files, split.below)):
                names = ', '.join(f'{name}{files.suffix}' for name in missing[:SHOWN])
                return (
                    f'{len(missing):,} files of {path} are not in {folder / files.folder}: {names}'
                )
    return ''
