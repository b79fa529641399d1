"""One folder for what is kept on a machine, and not the user's while tests run."""

import os
from pathlib import Path

import pytest

from mmdeeplab.cli.doctor.facts import look_at_machine
from mmdeeplab.datasets.check.cache import SampleCache as Seen
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.weights.model_zoo import WeightCache as Weights


@pytest.mark.parametrize(
    ('environment', 'expected'),
    [
        (dict(MMDEEPLAB_CACHE='/a', XDG_CACHE_HOME='/b'), '/a'),
        (dict(MMDEEPLAB_CACHE='', XDG_CACHE_HOME='/b'), '/b/mmdeeplab'),
        (dict(MMDEEPLAB_CACHE='~/c', XDG_CACHE_HOME=''), '/home/me/c'),
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


def test_tests_leave_the_users_cache_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp().resolve()
    assert cache_folder().resolve().is_relative_to(base)
    assert Path(os.environ['XDG_CACHE_HOME']).resolve().is_relative_to(base)
