"""Find the faults of a list, of a sample, and of the masks of a split taken together."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mmdeeplab.datasets.check.colours import mapping, voc_colours
from mmdeeplab.datasets.check.faults import Problem
from mmdeeplab.datasets.check.levels import has_holes, ids_by_rank
from mmdeeplab.datasets.check.sample import CheckedSample
from mmdeeplab.datasets.check.source import Source
from mmdeeplab.datasets.folders import missing_folder
from mmdeeplab.datasets.label_ids import PLAIN, LabelIds
from mmdeeplab.datasets.split_list import SplitList, several_files, why_missing
from mmdeeplab.errors import listed
from mmdeeplab.label_counts import IGNORE_INDEX

if TYPE_CHECKING:
    from mmdeeplab.datasets.check.colours import Colour

_SHOWN = 6


def judge_list(source: Source, split_list: SplitList) -> Iterator[Problem]:
    """Faults of the list itself, repeated ids, and folders that are missing."""
    for fault, words in split_list.faults:
        yield Problem(fault, source.role, id='', path=str(source.list), words=words)
    seen: set[str] = set()
    for name in split_list.ids:
        if name in seen:
            fault = 'repeated' if source.roles == ('train',) else 'counted-twice'
            yield Problem(
                fault, source.role, id=name, path=str(source.list), words=f'{name} is listed again'
            )
        seen.add(name)
    for files in source.files.values():
        if message := missing_folder(files.folder, source.split):
            path = str(files.folder)
            yield Problem('missing-folder', source.role, id='', path=path, words=message)


def judge_names(source: Source, ids: Iterable[str]) -> Iterator[Problem]:
    """Ids with more than one image or mask: it is not clear which one is meant."""
    for file_role, files in source.files.items():
        for name in ids:
            if len(names := files.names(name)) > 1:
                words = several_files(name, names, file_role)
                path = str(files.folder / names[0])
                yield Problem('several-files', source.role, id=name, path=path, words=words)


def judge_sample(
    source: Source, name: str, sample: CheckedSample, colours: 'dict[Colour, int] | None'
) -> Iterator[Problem]:
    """Faults of one image and its mask, given what :func:`look_at` found."""
    paths = dict(image=source.image(name), mask=source.mask(name))
    reported = set()
    for fault, file_role, words in sample.faults:
        fix = ''
        if fault.startswith('missing'):
            fault, words = why_missing(source.files[file_role], name, file_role)
            if fault in reported:
                continue
        elif fault == 'colour-mask':
            words = f'the mask {paths[file_role]} is in colour'
            fix = advise_on_colours(source, sample, colours)
        elif fault == 'orientation' and sample.turn != 1:
            fix = f'turn the mask as EXIF orientation {sample.turn} says: --fix OUT'
        reported.add(fault)
        yield Problem(fault, source.role, id=name, path=str(paths[file_role]), words=words, fix=fix)
    for fault, words in _faults_of_ids(sample, len(source.classes), source.label_ids):
        path = str(paths['mask'])
        yield Problem(fault, source.role, id=name, path=path, words=f'the mask {path} {words}')


def _faults_of_ids(
    sample: CheckedSample, classes: int, label_ids: LabelIds
) -> Iterator[tuple[str, str]]:
    stored = np.array([int(text) for text in sample.counts], np.int64)
    pixels = np.array(list(sample.counts.values()), np.int64)
    ids = label_ids(stored)
    wrong = ((ids < 0) | (ids >= classes)) & (ids != IGNORE_INDEX)
    if wrong.any():
        bad = zip(stored[wrong].tolist(), pixels[wrong].tolist(), strict=True)
        wrong_ids = listed([f'{i} ({n:,} pixels)' for i, n in bad], _SHOWN)
        fault = '16-bit' if stored[wrong].max() > IGNORE_INDEX else 'ids'
        first = int(label_ids.reduce_zero_label)
        named = f'{classes} classes, {first}..{classes - 1 + first}'
        yield fault, f'holds ids {wrong_ids}; there are {named}'
    if ids.size and (ids == IGNORE_INDEX).all():
        yield 'void', f'is void ({" and ".join(map(str, stored.tolist()))}) all over'
    counts = dict(zip(ids.tolist(), pixels.tolist(), strict=True))
    if (
        label_ids == PLAIN
        and set(counts) == {0, IGNORE_INDEX}
        and counts[IGNORE_INDEX] > counts[0] / 9
    ):
        share = 100 * counts[IGNORE_INDEX] / sum(counts.values())  # borders of void are thin
        yield 'only-0-and-255', f'holds 0 and 255 only, {share:.0f} % of it 255, which is void'


def judge_split(source: Source, samples: dict[str, CheckedSample]) -> Iterator[Problem]:
    """Faults of all masks of a split together: all of them void, or with 0 and 255 only."""
    masks = [set(sample.counts) for sample in samples.values() if sample.counts]
    class_ids = [set(source.label_ids.of_counts(dict.fromkeys(ids, 1))) for ids in masks]
    if masks and all(ids == {str(IGNORE_INDEX)} for ids in class_ids):
        words = f'all {len(masks)} masks are void'
        yield Problem('all-void', source.role, id='', path=str(source.masks), words=words)
    elif source.label_ids == PLAIN and only_0_and_255(masks):
        words = f'all {len(masks)} masks hold 0 and 255 only'
        fix = 'write 1 where it says 255: --fix OUT' if len(source.classes) == 2 else ''
        yield Problem('0-255', source.role, id='', path=str(source.masks), words=words, fix=fix)
    elif source.label_ids == PLAIN and (levels := _grey_levels(masks, len(source.classes))):
        words = f'the {len(masks)} masks hold {", ".join(map(str, levels))}, with holes between'
        ids = ' '.join(f'{value}={i}' for value, i in levels.items() if value != i)
        fix = f'if they are grey levels: --fix OUT --map {ids}'
        yield Problem(
            'grey-levels', source.role, id='', path=str(source.masks), words=words, fix=fix
        )


def _grey_levels(masks: list[set[str]], classes: int) -> dict[int, int]:
    """Class ids by grey value, if the values are too large for ids but not more than classes."""
    values = sorted({int(text) for mask in masks for text in mask})
    labels = [value for value in values if value != IGNORE_INDEX]
    if not labels or max(labels) < classes or not has_holes(labels) or len(labels) > classes:
        return {}
    ids = ids_by_rank(values)
    return ids if max(i for i in ids.values() if i != IGNORE_INDEX) < classes else {}


def only_0_and_255(masks: Iterable[set[str]]) -> bool:
    """Whether masks, given by their ids as text, have 0 and 255 only: 255 seems to be a class."""
    all_ids: set[str] = set().union(*masks)
    return all_ids == {'0', str(IGNORE_INDEX)}


def advise_on_colours(
    source: Source, sample: CheckedSample, colours: 'dict[Colour, int] | None'
) -> str:
    """The mapping of colours to ids that ``--fix`` would use, or the colours that it lacks."""
    given_ids = voc_colours(source.classes) if colours is None else colours
    ids, strange = mapping(sample.colours, given_ids, len(source.classes))
    if strange or not ids:
        named = ', '.join(map(str, strange[:3])) or 'the colours'
        return f'name the ids of {named} in --colours FILE, then --fix OUT'
    written = ', '.join(f'{colour} -> {i}' for colour, i in list(ids.items())[:_SHOWN])
    return f'--fix OUT writes {written}' + (', ...' if len(ids) > _SHOWN else '')
