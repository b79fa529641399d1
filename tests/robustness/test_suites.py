"""Every suite of ``tools/torture.py`` with the number of attempts that CI affords."""

import random
from pathlib import Path

import pytest

from robustness import SUITES, Outcome, command, run_suite


@pytest.mark.slow
@pytest.mark.parametrize('name', SUITES)
def test_everything_survives(name: str, tmp_path: Path) -> None:
    random.seed(0)
    outcome = run_suite(name, SUITES[name].small, tmp_path)
    assert outcome.failures == []
    assert outcome.tried == outcome.survived == SUITES[name].small


def test_a_failure_is_told_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    outcomes = iter([Outcome(3, 3, []), Outcome(5, 4, ['kill 2: torn'])])
    monkeypatch.setattr('robustness.run_suite', lambda *_: next(outcomes))
    report = tmp_path / 'report.json'
    with pytest.raises(SystemExit, match='1'):
        command.main(['resume', 'kill', '--n', '5', '--json', str(report)])
    printed = capsys.readouterr().out
    assert 'kill 2: torn' in printed
    assert '"survived": 4' in report.read_text()


@pytest.mark.parametrize('arguments', [['kil'], [], ['kill', '--n', '0']])
def test_mistakes(arguments: list, capsys: pytest.CaptureFixture) -> None:
    assert command.main(arguments) == 2
    assert 'there are: kill, resume' in capsys.readouterr().err
