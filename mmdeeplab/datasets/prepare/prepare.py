"""Prepare a data set: unpack, convert masks, write lists, count. Existing files are kept."""

import io
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from scipy.io import loadmat
from tqdm import tqdm

from mmdeeplab.cores import usable_cores
from mmdeeplab.datasets.prepare.contents import fault, ids_of, lacks, list_path, split_ids
from mmdeeplab.datasets.prepare.label_tables import apply
from mmdeeplab.datasets.prepare.table import Archive, DataSet, Split
from mmdeeplab.datasets.prepare_voc.layout import Prepared, image_size
from mmdeeplab.datasets.prepare_voc.sbd import LARGEST, check_inflation
from mmdeeplab.datasets.split_list import write_split
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive import extract
from mmdeeplab.fileio.archive_formats import Limits
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.input_files import read_bytes

LIMITS = Limits(size=64 << 30, files=500_000)
AT_ONCE = 1_000  # masks that are handed to the threads together


def prepare(data: DataSet, root: Path, archives: Path, *, quiet: bool = False) -> Prepared:
    """Fill ``root/FOLDER`` with what the configs of a data set read.

    Existing files are not overwritten, so an interrupted run can be repeated, and a complete folder
    is left as it is. An archive is needed only if a file that it contains is missing.

    Args:
        data: The data set, one of :data:`mmdeeplab.datasets.prepare.table.DATA_SETS`.
        root: Folder in which the data set's folder lies.
        archives: Folder of the archives.
        quiet: Show no progress.

    Raises:
        UserError: An archive is missing, broken or not the published one; a mask has ids that the
            data set does not have, or another size than its image; or a split has not the published
            number of images.
    """
    folder = root / data.folder
    if not fault(data, folder):
        return Prepared(folder, False)
    needed = [archive for archive in data.archives if lacks(data, folder, archive)]
    require_archives(data, needed, archives)
    for archive in needed:
        wanted = partial(is_wanted, re.compile(archive.wanted))
        extract(archives / archive.name, root / archive.into, LIMITS, wanted, quiet)
    for split in data.splits:
        ids = split_ids(data, folder, split)
        require_count(data, folder, split, ids)
        convert_masks(data, folder, split, ids, quiet)
        write_split(list_path(folder, split), ids, 'the data')
    if text := fault(data, folder):
        raise UserError(f'{folder} is not complete: {text}')
    return Prepared(folder, True)


def is_wanted(pattern: re.Pattern[str], name: PurePosixPath) -> bool:
    """Whether a member of an archive is one of those that the configs read."""
    return pattern.fullmatch(name.as_posix()) is not None


def require_archives(data: DataSet, needed: Iterable[Archive], archives: Path) -> None:
    """Refuse to start if archives are missing, before anything is unpacked.

    Raises:
        UserError: It names each missing archive and its page.
    """
    missing = [archive for archive in needed if not (archives / archive.name).is_file()]
    if missing:
        words = '; '.join(f'{archive.name} from {archive.page}' for archive in missing)
        raise UserError(
            f'{data.name} needs what is not in {archives}: {words}. Name the folder of your '
            'archives with --archives'
        )


def require_count(data: DataSet, folder: Path, split: Split, ids: set[str]) -> None:
    """Refuse a split that does not have the published number of images.

    Raises:
        UserError: It names both numbers.
    """
    if len(ids) != split.count:
        where = folder / (split.listed or f'{data.images.folder}/{split.below}')
        raise UserError(
            f'{where} has {len(ids):,} images, {split.name} of {data.name} {split.count:,}: the '
            'archive is another one, or files were removed or added'
        )


def convert_masks(data: DataSet, folder: Path, split: Split, ids: set[str], quiet: bool) -> None:
    """Write masks of class ids for the images of a split that have none.

    Raises:
        UserError: A mask is missing, broken, or does not fit its image.
    """
    if data.raw is None or data.table is None:
        return
    table, raw = data.table(), data.raw

    def convert(name: str) -> None:
        path = folder / raw.folder / f'{name}{raw.suffix}'
        labels = apply(table, read_ids(path), str(path))
        image = folder / data.images.folder / f'{name}{data.images.suffix}'
        if labels.shape != (size := image_size(image)):
            (height, width), (rows, columns) = size, labels.shape
            raise UserError(
                f'{path} is of {columns} x {rows} pixels, its image {image} of {width} x {height}'
            )
        with placing(folder / data.masks.folder / f'{name}{data.masks.suffix}') as partial:
            Image.fromarray(labels).save(partial, 'PNG')

    missing = iter(sorted(ids - ids_of(folder, data.masks, split.below)))
    hidden = True if quiet else None
    with (
        ThreadPoolExecutor(usable_cores()) as pool,
        tqdm(total=len(ids), desc=f'masks of {split.name}', disable=hidden) as bar,
    ):
        while names := list(islice(missing, AT_ONCE)):
            for _ in pool.map(convert, names):
                bar.update()


def read_ids(path: Path) -> np.ndarray:
    """Read the ids (H, W) of a publisher's mask, a PNG or PASCAL Context's ``.mat``.

    Raises:
        UserError: The file is missing or not such a mask.
    """
    body = read_bytes(path, 'mask', LARGEST)
    try:
        if path.suffix == '.mat':
            check_inflation(body, str(path))
            ids = loadmat(io.BytesIO(body), variable_names=('LabelMap',))['LabelMap']
        else:
            with Image.open(io.BytesIO(body)) as opened:
                ids = np.asarray(opened)
    except UserError:
        raise
    except Exception as error:  # of many kinds, for files that are broken
        raise UserError(f'{path} is no mask of its data set: {error!r}') from error
    if ids.ndim != 2 or ids.dtype.kind not in 'ui' or not ids.size or ids.min() < 0:
        raise UserError(
            f'{path} is no mask of its data set: shape {ids.shape}, type {ids.dtype}, not ids'
        )
    return ids
