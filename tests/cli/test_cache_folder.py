"""One folder for what is kept on a machine, and not the user's while tests run."""

import os
import pwd
from pathlib import Path

import pytest

from mmdeeplab.cli.doctor.facts import look_at_machine
from mmdeeplab.datasets.check.cache import SampleCache as Seen
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.weights.model_zoo import WeightCache as Weights


@pytest.mark.parametrize(
    ('environment', 'expected'),
    [
        (dict(MMDEEPLAB_CACHE='/a', XDG_CACHE_HOME='/b'), '/a'),
        (dict(MMDEEPLAB_CACHE='', XDG_CACHE_HOME='/b'), '/b/mmdeeplab'),
        (dict(MMDEEPLAB_CACHE='~/c', XDG_CACHE_HOME=''), '/home/me/c'),
        (dict(MMDEEPLAB_CACHE='', XDG_CACHE_HOME='here/cache'), '/home/me/.cache/mmdeeplab'),
        (dict(MMDEEPLAB_CACHE='', XDG_CACHE_HOME=''), '/home/me/.cache/mmdeeplab'),
    ],
)
def test_everything_is_kept_in_one_folder(
    environment: dict, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (environment | dict(HOME='/home/me')).items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)
    assert Weights().folder == Path(expected)
    assert Seen('key').path.parent == Path(expected, 'check')
    assert look_at_machine().cache == expected


@pytest.mark.parametrize('folder', ['', '~nobody-of-this-name/c'])
def test_without_a_home_folder_the_way_out_is_named(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(user: int) -> None:
        raise KeyError(user)

    for name in ('XDG_CACHE_HOME', 'HOME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MMDEEPLAB_CACHE', folder)
    monkeypatch.setattr(pwd, 'getpwuid', unknown)
    with pytest.raises(UserError, match='set MMDEEPLAB_CACHE to a folder'):
        cache_folder()


def test_tests_leave_the_users_cache_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp().resolve()
    assert cache_folder().resolve().is_relative_to(base)
    assert Path(os.environ['XDG_CACHE_HOME']).resolve().is_relative_to(base)
