"""Say what is installed, what is wrong with it, and the command that mends it."""

from __future__ import annotations

import argparse

from mmdeeplab.cli.common import command
from mmdeeplab.errors import UserError


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog='doctor.py', description=__doc__, epilog='Exit status: 0, or 2 with errors.'
    )


def doctor(args: argparse.Namespace) -> None:
    """Print what is installed, and what is wrong with it.

    Raises:
        UserError: There are errors; warnings alone do not count.
    """
    from mmdeeplab.cli.doctor.facts import gather
    from mmdeeplab.cli.doctor.finding import ERROR
    from mmdeeplab.cli.doctor.report import describe, judge, render

    facts = gather()
    findings = judge(facts)
    print(describe(facts))
    if findings:
        print(render(findings))
    errors = sum(finding.severity == ERROR for finding in findings)
    if errors:
        raise UserError(f'{errors} thing{"s" * (errors > 1)} to mend, listed above')
    print('nothing stands in the way' if findings else 'everything is as it should be')


main = command(_parser, doctor)
