"""Results as a page."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.measure import three_digits
from benchmarks.results import read_results

HEAD = """# Speed beside other projects

Made by `python -m benchmarks table {name} --out docs/benchmarks.md` from the results of
`{command}`.

Every figure is a ratio of two things that were timed in turns in one run: in each round each
variant once, another one first each time. The ratio is the median over the rounds of the
reference's time divided by the variant's in the same round; in brackets are the lowest and the
highest of a round. Above 1 is faster than the reference (x1.00). Milliseconds are for reading the
rows against each other on this machine only. Multiply-adds (MAC) are those of the convolutions and
products that the plain network executes; GFLOP/s counts two for each; "share" is that of the
machine's own limit in the number format of the row (the best of a large matrix product and a large
3x3 convolution), measured before and after the case. Networks have random weights with calibrated
statistics: labels and speed are those of the same function. Quality is judged with trained weights
alone: `python -m benchmarks run quality --config CONFIG --checkpoint FILE --data-root DIR`.
"""
TRIED = 'What was tried for each, in order, and what it brought: [missed goals](missed_goals.md).'
LINE = '|---|---|--:|--:|--:|--:|--:|--:|---|'
COLUMNS = '| variant | of | ms | ratio | M parameters | G MAC | GFLOP/s | share | goal, notes |'
UNITS = dict(copy='GB/s')


def read(path: Path) -> dict:
    """Results that ``run --json`` wrote.

    Raises:
        UserError: There is no such file, or it holds something else.
    """
    way_out = f'python -m benchmarks run all --json {path}'
    return read_results(path, 'cases', 'a run', way_out)


def page(results: Mapping, path: str) -> str:
    """The whole page in Markdown."""
    parts = [HEAD.format(name=path, command=results['command'])]
    missed = list(misses(results))
    if missed:
        parts.append(f'## Goals that are missed\n\n{TRIED}\n\n' + '\n'.join(missed) + '\n')
    parts += [section(name, case) for name, case in results['cases'].items()]
    return '\n'.join(parts)


def misses(results: Mapping) -> Iterator[str]:
    """One line for each goal that a row does not reach."""
    for name, case in results['cases'].items():
        for comparison in case['comparisons']:
            for row in comparison['rows']:
                if row.get('met') is False:
                    where = f'{name}, {comparison["title"]}, {row["name"]}'
                    yield f'- {where}: {row["reached"]}, goal {row["goal"]}{at_limit(row)}'


def at_limit(row: Mapping) -> str:
    """What would be reached if the row's arithmetic ran at the machine's limit.

    Nothing for goals of other kinds than a ratio or a time: a score, a difference of times.
    """
    if row.get('share') and row['goal'].startswith('x'):
        best = f'x{row["ratio"][0] / row["share"]:.2f}'
    elif row.get('share') and row['goal'].endswith(' ms'):
        best = f'{three_digits(row["milliseconds"][0] * row["share"])} ms'
    else:
        return ''
    return f' ({best} at the limit of this machine)'


def section(name: str, case: Mapping) -> str:
    """The tables of one case."""
    lines = [f'## {name}\n', about(case), '']
    for comparison in case['comparisons']:
        lines += [f'**{comparison["title"]}** (one {comparison["unit"]})\n', COLUMNS, LINE]
        lines += [table_row(row, comparison['reference']) for row in comparison['rows']]
        lines.append('')
    return '\n'.join(lines)


def about(case: Mapping) -> str:
    """Machine, date and limits of a case."""
    machine = case['machine']
    versions = ', '.join(f'{name} {number}' for name, number in machine['versions'].items())
    limits = ', '.join(
        f'{name} {value:.0f} {UNITS.get(name, "GFLOP/s")}' for name, value in case['limits'].items()
    )
    return (
        f'{case["date"]}, {case["rounds"]} rounds, {case["minutes"]:g} minutes; '
        f'{machine["processor"]}, {machine["cores"]} cores, {machine["threads"]} threads, '
        f'{machine["memory_gib"]} GiB, {" ".join(machine["instructions"])}, GPU {machine["gpu"]}, '
        f'load before the run {machine["load_before"]:g}; Python {machine["python"]}, {versions}. '
        f'Limits: {limits}.'
    )


def table_row(row: Mapping, reference: str) -> str:
    """The line of the table for one variant."""
    if 'skipped' in row:
        return f'| {row["name"]} | {row["of"]} | | | | | | | not run: {row["skipped"]} |'
    middle = row['milliseconds'][0]
    ratio = 'no reference'
    if 'ratio' in row:
        typical, low, high = row['ratio']
        ratio = f'x{typical:.2f} ({low:.2f} to {high:.2f})'
    ratio = 'x1.00, reference' if row['name'] == reference else ratio
    goal = ''
    if 'goal' in row:
        reached = f' ({row["reached"]})' if row.get('shown') or not row['met'] else ''
        goal = f'goal {row["goal"]}: {"met" if row["met"] else "**missed**"}{reached}'
    notes = [goal, row.get('agreement', ''), *(f'{k} {v}' for k, v in row['notes'].items())]
    cells = [
        row['name'],
        f'{row["of"]} {row["version"]}'.strip(),
        three_digits(middle),
        ratio,
        f'{row["parameters"] / 1e6:.2f}' if row['parameters'] else '',
        f'{row["multiply_adds"] / 1e9:.2f}' if row['multiply_adds'] else '',
        f'{row["gflops"]:.0f}' if row.get('gflops') else '',
        f'{row["share"]:.0%}' if row.get('share') else '',
        '; '.join(filter(None, notes)),
    ]
    return '| ' + ' | '.join(cells) + ' |'
