"""Check the data sets of a config: the problems and the class counts of its splits."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.console import progress
from mmdeeplab.datasets.check.class_frequency import PixelCounts
from mmdeeplab.datasets.check.faults import ERROR, FAULTS, WARNING, Problem
from mmdeeplab.datasets.check.judge import judge_list, judge_names, judge_sample, judge_split
from mmdeeplab.datasets.check.sample import CheckedSample
from mmdeeplab.datasets.check.scan import scan
from mmdeeplab.datasets.check.source import Source
from mmdeeplab.datasets.check.sources import sources, taken
from mmdeeplab.datasets.split_list import parse_split
from mmdeeplab.datasets.symlinks import WAY_OUT, links_out, refuse_links_out
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdeeplab.datasets.check.colours import Colour


@dataclass
class CheckedSource:
    """A source, its ids in the order of its list, and what was found for each."""

    source: Source
    ids: list[str]
    samples: dict[str, CheckedSample]


@dataclass
class Report:
    """Everything that the check of a config found.

    Attributes:
        problems: All problems, errors first.
        counts: Class counts by split: train, val, test.
        classes: Names of the classes in id order, by split.
        checked: What was found, for each source.
        allowed: Kinds of error that count as warnings.
    """

    problems: list[Problem] = field(default_factory=list)
    counts: dict[str, PixelCounts] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    checked: list[CheckedSource] = field(default_factory=list)
    allowed: tuple[str, ...] = ()

    def severity(self, problem: Problem) -> str:
        return WARNING if problem.fault in self.allowed else problem.severity

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.problems if self.severity(p) == ERROR]

    @property
    def warnings(self) -> list[Problem]:
        return [p for p in self.problems if self.severity(p) == WARNING]


def allowed_kinds(cfg: 'Config') -> tuple[str, ...]:
    """``check_data.allow`` of a config; ``check_data`` may also be True or False."""
    settings = cfg.get('check_data')
    return tuple(settings.get('allow', ())) if isinstance(settings, dict) else ()


def examine(
    cfg: 'Config',
    splits: tuple[str, ...],
    workers: int | None = None,
    allow: tuple[str, ...] = (),
    colours: 'dict[Colour, int] | None' = None,
    beat: Callable[[], None] = lambda: None,
    quiet: bool = False,
) -> Report:
    """Check the data sets of a config's splits.

    Args:
        cfg: The config.
        splits: Some of train, val, test.
        workers: Number of processes, see :func:`mmdeeplab.datasets.check.scan.scan`.
        allow: Kinds of error that count as warnings.
        colours: Class ids by the colours of masks, if these are not VOC's.
        beat: Called after each sample.
        quiet: Show no progress.

    Raises:
        UserError: ``allow`` names an unknown kind of error.
    """
    if strange := [fault for fault in allow if fault not in FAULTS]:
        raise UserError(
            f'no kind of problem is called {strange[0]!r}; there are {", ".join(FAULTS)}'
        )
    to_check, unknown = sources(cfg, splits)
    report = Report(allowed=tuple(allow))
    for role, name in unknown:
        words = f'data sets of type {name} are not checked'
        report.problems.append(Problem('unknown-dataset', role, id='', path='', words=words))
    for source in to_check:
        problems, ids = checked_ids(source)
        report.problems += problems
        samples = scan(source, ids, workers, beat, quiet)
        shown = progress(samples.items(), f'judging {source.split}', len(samples), 'images')
        for name, sample in shown:
            report.problems += judge_sample(source, name, sample, colours)
        report.problems += judge_split(source, samples)
        report.checked.append(CheckedSource(source, ids, samples))
    report.problems += leaks(report.checked)
    _count(report, splits)
    order = sorted(report.problems, key=lambda p: (report.severity(p), list(FAULTS).index(p.fault)))
    report.problems = order  # 'error' < 'warning'
    return report


def checked_ids(source: Source) -> tuple[list[Problem], list[str]]:
    """The problems of a list itself, and the ids whose files can be opened.

    Raises:
        UserError: The list is a link out of the data's folder.
    """
    if not source.follow_links:
        refuse_links_out(source.list.parent, [source.list.name], source.root)
    listed = parse_split(source.list, source.image_files)
    problems = list(judge_list(source, listed))
    missing = any(problem.fault == 'missing-folder' for problem in problems)
    ids = [] if missing else taken(listed.ids, source.indices)
    unopened = [*([] if source.follow_links else lead_out(source, ids)), *judge_names(source, ids)]
    closed = {problem.id for problem in unopened}
    return [*problems, *unopened], [name for name in ids if name not in closed]


def lead_out(source: Source, ids: list[str]) -> Iterator[Problem]:
    """Images and masks that are links out of their folder, which are not opened."""
    for files in source.files.values():
        folder = files.folder
        shown = progress(ids, f'looking for links of {source.split}', len(ids), 'images')
        names = {str(files.path(name).relative_to(folder)): name for name in shown}
        for link, target in links_out(folder, names, source.root).items():
            words = f'a link to {target}'
            path = str(folder / link)
            yield Problem(
                'outside', source.role, id=names[link], path=path, words=words, fix=WAY_OUT
            )


def _count(report: Report, splits: tuple[str, ...]) -> None:
    """Count the classes of each split, and report those without a pixel."""
    for roles, checked in _by_roles(report.checked, splits):
        source = checked[0].source
        counts = PixelCounts.zero(len(source.classes))
        for each in checked:
            for name in each.ids:
                if each.samples[name].counts:
                    counts.add(
                        each.source.label_ids.of_counts(each.samples[name].counts), IGNORE_INDEX
                    )
        for role in roles:
            report.counts[role], report.classes[role] = counts, source.classes
        names = zip(source.classes, counts.pixels, strict=True)
        absent = [name for name, pixels in names if not pixels]
        if absent and counts.pixels.any():
            words = f'no pixel of {", ".join(absent)}{_first_name(source)}'
            report.problems.append(
                Problem('absent', ', '.join(roles), id='', path=str(source.list), words=words)
            )


def _first_name(source: Source) -> str:
    """Under ``reduce_zero_label`` a note which id the first name belongs to; else nothing."""
    if not source.label_ids.reduce_zero_label:
        return ''
    return f' (reduce_zero_label: the first name, {source.classes[0]}, is that of id 1)'


def _by_roles(
    checked: list[CheckedSource], splits: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], list[CheckedSource]]]:
    """Groups of splits that read the same sources, with these; empty sources are left out."""
    groups: dict[tuple[int, ...], tuple[str, ...]] = {}
    for role in splits:
        indices = tuple(
            i for i, each in enumerate(checked) if role in each.source.roles and each.ids
        )
        groups[indices] = (*groups.get(indices, ()), role)
    for indices, roles in groups.items():
        if indices:
            yield roles, [checked[i] for i in indices]


def leaks(checked: list[CheckedSource]) -> Iterator[Problem]:
    """Problems of images that are both in train and in another split, or twice in one split."""
    for source in [each.source for each in checked]:
        if 'train' in source.roles and len(source.roles) > 1:
            others = ' and '.join(role for role in source.roles if role != 'train')
            words = f'train and {others} read the same list'
            yield Problem('leak', source.role, id='', path=str(source.list), words=words)
    images = [
        (each.source, name, each.source.image(name), sample.digest)
        for each in checked
        for name, sample in each.samples.items()
        if sample.digest
    ]
    seen: dict[tuple[str, str], tuple[str, Path]] = {}  # name and image by split and content
    for source, name, path, digest in images:
        for role in source.roles:
            first, image = seen.setdefault((role, digest), (name, path))
            other_file = image != path and os.path.realpath(image) != os.path.realpath(path)
            if first != name or other_file:
                words = f'the same image as {first if first != name else image}'
                yield Problem('same-content', role, id=name, path=str(path), words=words)
    for source, name, path, digest in images:
        twin = seen.get(('train', digest))
        if twin is not None and 'train' not in source.roles:
            words = f'the same image as {twin[0]} of train'
            yield Problem('leak', source.role, id=name, path=str(path), words=words)
