"""The command that draws the miniature VOC."""

from pathlib import Path

import pytest

from mmdeeplab.cli.make_mini_voc import main


def test_command_is_idempotent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'voc'
    args = ['--out', str(out), '--train', '3', '--val', '2', '--size', '48']
    assert main(args) == 0
    assert 'wrote 3 train and 2 val' in capsys.readouterr().out
    stamp = (out / 'mini_voc.json').stat().st_mtime_ns
    assert main(args) == 0
    assert 'already holds' in capsys.readouterr().out
    assert (out / 'mini_voc.json').stat().st_mtime_ns == stamp


def test_command_refuses_a_folder_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'voc'
    args = ['--out', str(out), '--train', '3', '--val', '2', '--size', '48']
    assert main(args) == 0
    (out / 'mine.txt').write_text('keep')
    smaller = [*args[:3], '2', *args[4:]]
    assert main(smaller) == 2
    assert str(out) in capsys.readouterr().err
    assert main([*smaller, '--force']) == 0
    assert len(list((out / 'JPEGImages').iterdir())) == 4
    assert (out / 'mine.txt').read_text() == 'keep'
    assert main(['--out', str(out / 'mine.txt')]) == 2


def test_command_refuses_a_set_that_lost_a_file(tmp_path: Path) -> None:
    args = ['--out', str(tmp_path), '--train', '2', '--val', '1', '--size', '48']
    assert main(args) == 0
    (tmp_path / 'JPEGImages/2026_000002.jpg').unlink()
    assert main(args) == 2
    assert main([*args, '--force']) == 0


@pytest.mark.parametrize('wrong', [['--train', '0'], ['--size', '20'], ['--seed', '-1']])
def test_command_refuses_wrong_numbers(tmp_path: Path, wrong: list[str]) -> None:
    assert main(['--out', str(tmp_path), *wrong]) == 2
    assert not list(tmp_path.iterdir())
