"""Check all samples of a source in a pool of processes, with progress."""

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import cv2

from mmdeeplab.command_names import tool
from mmdeeplab.config.pixels import Pixels
from mmdeeplab.console import progress
from mmdeeplab.cores import usable_cores
from mmdeeplab.datasets.check.cache import SampleCache
from mmdeeplab.datasets.check.sample import CheckedSample, look_at
from mmdeeplab.datasets.check.source import Source
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.file_stamp import stamp

FEW = 32  # below, a pool takes longer to start than to work
CHUNK = 8


def scan(
    source: Source,
    ids: Iterable[str],
    workers: int | None = None,
    beat: Callable[[], None] = lambda: None,
    quiet: bool = False,
) -> dict[str, CheckedSample]:
    """Check the image and the mask of each id; unchanged files are taken from the cache.

    Args:
        source: The list with its folders.
        ids: Ids of the samples; repeated ones are checked once.
        workers: Number of processes; 0 or 1: this one only; by default one per core.
        beat: Called for each sample whose stamps are compared, and for each that is read.
        quiet: Show no progress.

    Returns:
        What was found, by id.

    Raises:
        UserError: A process died, most likely because memory ran out, or a package that reads such
            files is not installed.
    """
    cache = SampleCache(source.key)
    samples: dict[str, CheckedSample] = {}
    uncached: dict[str, list[list[int]]] = {}
    names = list(dict.fromkeys(ids))
    compare_title = f'comparing {source.split} with before'
    for name in names if quiet else progress(names, compare_title, len(names), 'images'):
        beat()
        stamps = [stamp(files.path(name)) for files in source.files.values()]
        cached = cache.get(name, stamps)
        if cached is None:
            uncached[name] = stamps
        else:
            samples[name] = cached
    pairs = [
        (source.image(name), source.mask(name) if source.labelled else None) for name in uncached
    ]
    checked = _looks(pairs, source.pixels, usable_cores() if workers is None else workers)
    title = f'checking {source.role or source.split}'
    bar = checked if quiet else progress(checked, title, len(pairs), 'images')
    for (name, stamps), sample in zip(uncached.items(), bar, strict=True):
        samples[name] = sample
        # A file that could not be read may be sound: what failed may have been the disk.
        if all(fault != 'unreadable' for fault, *_ in sample.faults):
            cache.put(name, stamps, sample)
        beat()
    if uncached:
        cache.save()
    return samples


def _looks(
    pairs: list[tuple[Path, Path | None]], pixels: Pixels | None, workers: int
) -> Iterator[CheckedSample]:
    look = partial(look_at, pixels=pixels) if pixels else look_at
    if workers <= 1 or len(pairs) < FEW:
        yield from (look(*pair) for pair in pairs)
        return
    method = 'fork' if sys.platform == 'linux' else 'spawn'
    context = multiprocessing.get_context(method)
    # The pool has the cores, and OpenCV's threads do not survive a fork.
    with ProcessPoolExecutor(workers, context, cv2.setNumThreads, (0,)) as pool:
        try:
            yield from pool.map(look, *zip(*pairs, strict=True), chunksize=CHUNK)
        except BrokenProcessPool as error:
            raise UserError(
                'a process that checked the data died, most likely for want of memory: '
                f'{tool("check_dataset")} CONFIG --workers 1 needs the least'
            ) from error
