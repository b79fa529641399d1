"""The report as text: the table of problems, class frequencies, the sentence that stops a run."""

from collections import Counter
from pathlib import Path

from prettytable import PrettyTable

from mmdeeplab.config.class_weight import METHODS
from mmdeeplab.datasets.check.class_frequency import PixelCounts
from mmdeeplab.datasets.check.faults import WARNING, Problem
from mmdeeplab.datasets.check.report import Report

WARNINGS_SHOWN = 20  # of a fault; a grey data set has thousands
NAMED = 3  # offenders in the sentence
_WIDTH = 40


def problem_table(report: Report, root: Path | None = None) -> str:
    """A table with all errors and the first warnings of each kind; paths relative to ``root``."""
    table = PrettyTable(['split', 'id', 'kind', 'file', 'what is wrong', 'what to do'])
    table.align = 'l'
    table.max_width = _WIDTH
    shown: Counter[str] = Counter()
    for problem in report.problems:
        shown[problem.fault] += 1
        warning = report.severity(problem) == WARNING
        if warning and shown[problem.fault] > WARNINGS_SHOWN:
            continue
        file = problem.path.removeprefix(f'{root}/') if root else problem.path
        fault = f'{problem.fault} (warning)' if warning else problem.fault
        words = _short(problem, root)
        table.add_row([problem.split, problem.id, fault, file, words, problem.advice])
    lines = [table.get_string()] if report.problems else []
    warned = {problem.fault for problem in report.warnings}
    lines += [
        f'and {count - WARNINGS_SHOWN} more of the kind "{fault}"; --json FILE has all'
        for fault, count in shown.items()
        if fault in warned and count > WARNINGS_SHOWN
    ]
    return '\n'.join(lines)


def _short(problem: Problem, root: Path | None) -> str:
    """The words about a problem without the path, which has its own column."""
    words = problem.words.replace(f' {problem.path}', '')
    words = words.replace(problem.path, Path(problem.path).name) if problem.path else words
    return words.replace(f'{root}/', '') if root else words


def summary(report: Report) -> str:
    """One line with the numbers of images, errors and warnings."""
    images = ', '.join(f'{counts.images} {role}' for role, counts in report.counts.items())
    extra = sum(len(each.ids) for each in report.checked if not each.source.labelled)
    images += f' and {extra} unlabelled' if extra else ''
    if not report.problems:
        return f'{images} images, nothing wrong'
    counts = Counter(problem.fault for problem in report.problems)
    listed = ', '.join(f'{count} {fault}' for fault, count in counts.items())
    counted = f'{_amount(len(report.errors), "error")}, {_amount(len(report.warnings), "warning")}'
    return f'{images or "no"} images: {counted} ({listed})'


def sentence(report: Report, command: str) -> str:
    """The sentence that stops a run: the first errors, and the command that lists all."""
    errors = report.errors
    first = []
    for problem in errors[:NAMED]:
        path = '' if problem.path in problem.words else f'{problem.path}: '
        first.append(f'{problem.split}: {path}{problem.words} [{problem.fault}]')
    more = f'; and {len(errors) - NAMED} more' if len(errors) > NAMED else ''
    return f'{_amount(len(errors), "error")} in the data: {"; ".join(first)}{more}. All: {command}'


def frequency_table(report: Report) -> str:
    """A table with each class's share of the labelled pixels and number of images, by split."""
    roles_by_counts: dict[int, list[str]] = {}
    for role, counts in report.counts.items():
        roles_by_counts.setdefault(id(counts), []).append(role)
    blocks = []
    for classes in dict.fromkeys(report.classes.values()):
        groups = [
            roles for roles in roles_by_counts.values() if report.classes[roles[0]] == classes
        ]
        heads = [f'{", ".join(roles)}: {column}' for roles in groups for column in _COLUMNS]
        table = PrettyTable(['id', 'class', *heads], align='r')
        table.align['class'] = 'l'
        for i, name in enumerate(classes):
            cells = [cell for roles in groups for cell in _cells(report.counts[roles[0]], i)]
            table.add_row([i, name, *cells])
        blocks.append(table.get_string())
    return '\n'.join(blocks)


_COLUMNS = ('% of pixels', 'images')


def _cells(counts: PixelCounts, label: int) -> tuple[str, str]:
    total = int(counts.pixels.sum())
    if not counts.pixels[label]:
        return 'absent', '0'
    return f'{100 * counts.pixels[label] / total:.3f}', str(counts.present[label])


def weight_lines(counts: PixelCounts) -> str:
    """Class weights by all methods, ready to be pasted into a loss."""
    return '\n'.join(
        f'class_weight={counts.weights(method)},  # {name}; or class_weight={method!r}'
        for method, name in METHODS.items()
    )


def as_json(report: Report) -> dict:
    """The whole report as JSON."""
    return dict(
        errors=len(report.errors),
        warnings=len(report.warnings),
        problems=[
            dict(
                severity=report.severity(p),
                kind=p.fault,
                split=p.split,
                id=p.id,
                path=p.path,
                words=p.words,
                fix=p.advice,
            )
            for p in report.problems
        ],
        splits={
            role: dict(
                images=counts.images,
                void_pixels=counts.void,
                classes=list(report.classes[role]),
                pixels=counts.pixels.tolist(),
                images_with_class=counts.present.tolist(),
                class_weight={name: counts.weights(name) for name in METHODS},
            )
            for role, counts in report.counts.items()
        },
    )


def _amount(number: int, thing: str) -> str:
    return f'{number} {thing}' + ('' if number == 1 else 's')
