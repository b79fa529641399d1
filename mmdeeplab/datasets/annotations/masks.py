"""Paint the masks of a conversion in several processes, but only those that have changed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.console import progress
from mmdeeplab.cores import usable_cores
from mmdeeplab.datasets.annotations.bitmaps import ColourRegion
from mmdeeplab.datasets.annotations.class_ids import ClassIds
from mmdeeplab.datasets.annotations.find import RECORD
from mmdeeplab.datasets.annotations.model import AnnotatedImage
from mmdeeplab.datasets.annotations.paint import paint
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.file_stamp import stamp
from mmdeeplab.visualization.encode import mask_png

RULES = 1  # to be raised when the same annotations give other masks
FEW, CHUNK = 32, 8  # fewer pictures are painted by this process alone


@dataclass(frozen=True)
class Job:
    """A mask that is to be painted: the annotated picture, its file, and the classes."""

    image: AnnotatedImage
    picture: Path
    classes: ClassIds
    out: Path

    def key(self) -> str:
        """A hash of everything that the mask depends on."""
        shapes = [annotated.shape for annotated in self.image.objects]
        masks = {
            shape.path: stamp(shape.path) for shape in shapes if isinstance(shape, ColourRegion)
        }
        parts = (
            RULES,
            self.image.size,
            self.image.objects,
            self.classes,
            stamp(self.picture),
            masks,
        )
        return hashlib.sha256(repr(parts).encode('utf-8', 'surrogatepass')).hexdigest()


def write_masks(out: Path, jobs: dict[str, Job]) -> int:
    """Paint masks that are new or have changed; remove masks that no longer have annotations.

    Returns:
        The number of masks that were painted.

    Raises:
        UserError: Some masks cannot be painted; it names the first and counts the others.
    """
    record_path = out / RECORD
    earlier = _record(record_path)
    keys = {name: job.key() for name, job in jobs.items()}
    changed = [
        name for name, job in jobs.items() if earlier.get(name) != [keys[name], stamp(job.out)]
    ]
    if not earlier:  # from here on, the masks are known as those of a conversion
        _write_record(record_path, {})
    for name in earlier.keys() - jobs.keys():
        (out / 'SegmentationClass' / f'{name}.png').unlink(missing_ok=True)
    painted = _painted([jobs[name] for name in changed])
    problems = progress(painted, 'masks', len(changed), 'images')
    failed = [problem for problem in problems if problem]
    stamps = {name: stamp(job.out) for name, job in jobs.items()}
    _write_record(record_path, {name: [keys[name], stamps[name]] for name in jobs if stamps[name]})
    if failed:
        more = f'; and {len(failed) - 1} more pictures' if len(failed) > 1 else ''
        raise UserError(f'{failed[0]}{more}')
    return len(changed)


def _painted(jobs: list[Job]) -> Iterator[str]:
    workers = usable_cores()
    if workers <= 1 or len(jobs) < FEW:
        yield from map(write_mask, jobs)
        return
    method = 'fork' if sys.platform == 'linux' else 'spawn'
    with ProcessPoolExecutor(workers, multiprocessing.get_context(method)) as pool:
        yield from pool.map(write_mask, jobs, chunksize=CHUNK)


def write_mask(job: Job) -> str:
    """Paint and write one mask; if that fails, remove its file and return a sentence."""
    try:
        mask = paint(job.image, job.picture, job.classes)
        with placing(job.out) as partial:
            partial.write_bytes(mask_png(mask))
    except UserError as error:
        job.out.unlink(missing_ok=True)
        return str(error)
    return ''


def _write_record(path: Path, record: dict) -> None:
    with placing(path) as partial:
        partial.write_text(json.dumps(record))


def _record(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}
