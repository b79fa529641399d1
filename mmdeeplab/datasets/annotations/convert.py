"""Convert annotations to masks of class ids in VOC's folders; only what changed is made again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.datasets.annotations.class_ids import ClassIds, class_ids
from mmdeeplab.datasets.annotations.find import LINK, RECORD, find_annotations
from mmdeeplab.datasets.annotations.masks import Job, write_masks
from mmdeeplab.datasets.annotations.model import Annotations
from mmdeeplab.datasets.annotations.pictures import Pictures
from mmdeeplab.datasets.discovery.pairs import refuse_unwritable
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing, writing


@dataclass(frozen=True)
class ConversionOptions:
    """Settings of a conversion that the annotations do not contain.

    Attributes:
        classes: Names in id order; empty for the tool's own order.
        unlabelled_void: Whether pixels that are not annotated are void instead of background.
        skip_missing: Whether annotated pictures without a file are left out.
    """

    classes: tuple[str, ...] = ()
    unlabelled_void: bool = False
    skip_missing: bool = False


@dataclass(frozen=True)
class Converted:
    """The result of a conversion.

    Attributes:
        format: Format of the annotations.
        images: Number of pictures that have a mask now.
        objects: Number of annotated objects on them.
        written: Number of masks that were written; the others were up to date.
        notes: Sentences about what was left out.
    """

    format: str
    images: int
    objects: int
    written: int
    notes: tuple[str, ...]


def convert(path: Path, out: Path, options: ConversionOptions) -> Converted | None:
    """Write ``SegmentationClass``, ``classes.txt``, a link ``JPEGImages``, and lists where the
    annotations say what to train on.

    Args:
        path: A folder or file of annotations.
        out: The folder to write to; earlier masks that are still right are kept.
        options: Settings that the annotations do not contain.

    Returns:
        None if nothing at ``path`` looks like annotations.

    Raises:
        UserError: Something is wrong; it names the file and the object.
    """
    read = find_annotations(path)
    if read is None:
        return None
    annotations, pictures = read
    root = path if path.is_dir() else path.parent
    _require_own(out, root)
    classes = class_ids(annotations, options.classes, options.unlabelled_void, path)
    files = _pictures(annotations, Pictures(root, pictures), options.skip_missing, path)
    base = Path(os.path.commonpath([file.parent for file in files.values()]))
    jobs: dict[str, Job] = {}
    for number, file in files.items():
        name = file.relative_to(base).with_suffix('').as_posix()
        if name in jobs:
            other = jobs[name]
            raise annotations.images[number].place.error(
                f'{file.name} is annotated in {other.image.place.file} as well'
                if other.picture == file
                else f'{file} and {other.picture} would have one mask: rename one of them'
            )
        mask = out / 'SegmentationClass' / f'{name}.png'
        jobs[name] = Job(annotations.images[number], file, classes, mask)
    refuse_unwritable(jobs)
    _link(out / LINK, base)
    written = write_masks(out, jobs)
    _write_lists(out, jobs, classes)
    count = sum(len(job.image.objects) for job in jobs.values())
    notes = tuple(_notes(annotations))
    return Converted(annotations.format, len(jobs), count, written=written, notes=notes)


def _require_own(out: Path, root: Path) -> None:
    """Refuse a folder whose masks, lists or names of classes are not of a conversion.

    Raises:
        UserError: It is the folder of the annotations, or has such files.
    """
    if out.resolve() == root.resolve():
        raise UserError(f'{out} is the folder of the annotations: choose another one to write to')
    if not (out / RECORD).exists():
        for name in ('SegmentationClass', 'ImageSets', 'classes.txt'):
            if (out / name).exists():
                raise UserError(
                    f'{out / name} is there already, and of no conversion: choose another folder'
                )


def _pictures(
    annotations: Annotations, pictures: Pictures, skip_missing: bool, path: Path
) -> dict[int, Path]:
    """The file of each picture, by its index among all annotated pictures."""
    files: dict[int, Path] = {}
    missing = []
    for number, image in enumerate(annotations.images):
        file = pictures.find(image)
        if file is None:
            missing.append(image)
        else:
            files[number] = Path(os.path.abspath(file))  # noqa: PTH100  (links stay)
    if missing and (not skip_missing or not files):
        more = f' and of {len(missing) - 1} others' if len(missing) > 1 else ''
        way = '' if not files else ', or leave them out: --skip-missing'
        raise missing[0].place.error(
            f'the picture {missing[0].name} is missing{more}: put it below {pictures.root}{way}'
        )
    if not files:
        raise UserError(f'{path} holds {annotations.format} annotations of no picture')
    for _ in missing:
        annotations.leave_out('pictures that are missing')
    return files


def _link(link: Path, folder: Path) -> None:
    """Make ``link`` a symbolic link to the folder of the pictures.

    Raises:
        UserError: Something else has that name.
    """
    with writing(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise UserError(f'{link} is there already, and no link: choose another folder')
        link.symlink_to(folder.resolve(), target_is_directory=True)


def _write_lists(out: Path, jobs: dict[str, Job], classes: ClassIds) -> None:
    """Write the names of the classes, and the lists of the splits if the annotations have them."""
    splits: dict[str, list[str]] = {}
    for name, job in jobs.items():
        splits.setdefault(job.image.split or 'train', []).append(name)
    folder = out / 'ImageSets' / 'Segmentation'
    val = splits.get('val') or splits.get('test')
    lists = dict(train=splits['train'], val=val) if val and 'train' in splits else {}
    for split in ('train', 'val'):
        (folder / f'{split}.txt').unlink(missing_ok=True)
    texts = {folder / f'{split}.txt': names for split, names in lists.items()}
    for path, lines in (texts | {out / 'classes.txt': list(classes.names)}).items():
        with placing(path) as partial:
            partial.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def _notes(annotations: Annotations) -> list[str]:
    return [
        f'left out: {description} ({count})' for description, count in annotations.left_out.items()
    ]
