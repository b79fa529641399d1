"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'a.txt'
    with placing(path) as partial:
        partial.write_text('whole')
        assert partial.parent == path.parent
        assert not path.exists()
    assert path.read_text() == 'whole'
    assert names(path.parent) == ['a.txt']


def test_two_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    with placing(path) as late:
        late.write_text('half')
        with placing(path) as early:
            early.write_text('early')
        assert path.read_text() == 'early'
        late.write_text('late')
    assert path.read_text() == 'late'
    assert names(tmp_path) == ['a.txt']


def tear(path: Path, error: BaseException | type[BaseException]) -> None:
    with placing(path, 5) as partial:
        partial.write_text('torn')
        raise error


@pytest.mark.parametrize('error', [UserError('x'), OSError(28, 'No space left'), KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(
    tmp_path: Path, error: BaseException | type[BaseException]
) -> None:
    path = tmp_path / 'a.txt'
    path.write_text('old')
    expected = KeyboardInterrupt if error is KeyboardInterrupt else UserError
    with pytest.raises(expected) as caught:
        tear(path, error)
    if isinstance(error, OSError):
        assert f'cannot write {path}: No space left; ' in str(caught.value)
        assert str(caught.value).endswith('bytes are free, 5 are needed')
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['a.txt']


def test_a_failure_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='cannot write'), placing(tmp_path / 'a.txt') as partial:
        partial.with_name('gone').rename(partial)
    assert names(tmp_path) == []
