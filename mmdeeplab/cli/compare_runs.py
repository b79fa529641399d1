"""Compare two evaluations of the same images: a table, and a page with intervals."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdeeplab.cli.common import command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='compare_runs.py', description=__doc__)
    parser.add_argument('a', type=Path, metavar='A', help='folder of `test.py --out`, the baseline')
    parser.add_argument('b', type=Path, metavar='B', help='another one')
    parser.add_argument(
        '--names', nargs=2, metavar='NAME', help='what to call them (their folders)'
    )
    parser.add_argument(
        '--out', type=Path, default=Path('compare.html'), metavar='FILE', help='(%(default)s)'
    )
    parser.add_argument(
        '--resamples', type=int, default=1000, metavar='N', help='draws of images (%(default)s)'
    )
    return parser


def compare_runs(args: argparse.Namespace) -> None:
    """Print the table and write the page."""
    from mmdeeplab.config.load import quiet_imports

    quiet_imports()
    from mmdeeplab.fileio.atomic import placing
    from mmdeeplab.report.compare import compare, read_metrics, render
    from mmdeeplab.report.compare_page import build_comparison

    runs = [read_metrics(path) for path in (args.a, args.b)]
    names = args.names or short_names(args.a, args.b)
    result = compare(runs[0], runs[1], args.resamples)
    with placing(args.out) as partial:
        partial.write_text(build_comparison(result, runs, names), encoding='utf-8')
    print(f'{render(result, names)}\n{args.out}')


def short_names(a: Path, b: Path) -> list[str]:
    """Short names of two paths: their last parts that differ."""
    parts = [list(path.resolve().parts) for path in (a, b)]
    while len(parts[0]) > 1 < len(parts[1]) and parts[0][-1] == parts[1][-1]:
        parts = [path[:-1] for path in parts]
    names = [path[-1] for path in parts]
    return names if names[0] != names[1] else ['A', 'B']


main = command(_parser, compare_runs)
