"""Break training and evaluation on purpose and count what survives."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import command
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from robustness import Outcome


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='torture.py', description=__doc__)
    parser.add_argument('suite', nargs='*', help='names of suites, or "all"; --list tells them')
    parser.add_argument('--list', action='store_true', help='what each suite tries')
    parser.add_argument('--n', type=int, metavar='N', help='how often each suite tries')
    parser.add_argument('--small', action='store_true', help='the counts of the tests')
    parser.add_argument('--seed', type=int, default=0, metavar='S', help='(%(default)s)')
    parser.add_argument('--json', metavar='FILE', help='write the table for programs')
    return parser


def torture(args: argparse.Namespace) -> None:
    """Run suites and print the table; exit with 1 when something did not survive.

    Raises:
        UserError: No such suite, or none named.
    """
    from robustness import SUITES, run_suite

    if args.list:
        for name, suite in SUITES.items():
            print(f'{name:12} {suite.full:5} (--small {suite.small})  {suite.sentence}')
        return
    names = list(SUITES) if args.suite == ['all'] else args.suite
    unknown = [name for name in names if name not in SUITES]
    if unknown or not names or (args.n is not None and args.n < 1):
        what = f'{", ".join(unknown)} is no suite' if unknown else 'name a suite and --n of 1 up'
        raise UserError(f'{what}; there are: {", ".join(SUITES)}, all')
    rows = []
    for name in names:
        suite = SUITES[name]
        random.seed(args.seed)
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f'torture-{name}-') as folder:
            outcome = run_suite(
                name, args.n or (suite.small if args.small else suite.full), Path(folder)
            )
        rows.append(_row(name, outcome, time.monotonic() - start))
        _print(rows[-1])
    if args.json:
        report = dict(seed=args.seed, suites=rows)
        Path(args.json).write_text(json.dumps(report, indent=2) + '\n')
    if any(row['failures'] for row in rows):
        raise SystemExit(1)


def _row(name: str, outcome: Outcome, seconds: float) -> dict:
    return dict(
        suite=name,
        tried=outcome.tried,
        survived=outcome.survived,
        seconds=round(seconds, 1),
        failures=outcome.failures or [f'{outcome.tried - outcome.survived} did not survive']
        if outcome.survived < outcome.tried or outcome.failures
        else [],
    )


def _print(row: dict) -> None:
    print(
        f'{row["suite"]:12} tried {row["tried"]:5}  survived {row["survived"]:5}  '
        f'{row["seconds"]:8.1f} s',
        flush=True,
    )
    for failure in row['failures']:
        print(f'  {failure}', flush=True)


main = command(_parser, torture)
