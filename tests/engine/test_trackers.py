"""Trackers by a line of a config: what is missing is said before anything is computed."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend, LocalVisBackend, Visualizer

from mmdeeplab.engine.console_handler import ConsoleHandler
from mmdeeplab.engine.trackers import PACKAGES, require_trackers, start_backends, with_backends
from mmdeeplab.errors import UserError

LOCAL, BOARD = dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')
WITH_PACKAGES = [name for name, packages in PACKAGES.items() if packages]


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)


def ways(name: str) -> dict[str, dict]:
    """Every way in which a config can name a backend."""
    backend = dict(type=name)
    return {
        'vis_backends': dict(vis_backends=[LOCAL, backend]),
        'visualizer': dict(visualizer=dict(vis_backends=[backend, LOCAL])),
        'one, no list': dict(vis_backends=backend),
        'scope': dict(visualizer=dict(vis_backends=[dict(type=f'mmengine.{name}')])),
        'class': dict(vis_backends=[dict(type=VISBACKENDS.get(name))]),
    }


def test_every_backend_of_mmengine_is_known() -> None:
    assert set(PACKAGES) == set(VISBACKENDS.module_dict)
    assert len(WITH_PACKAGES) == 7


@pytest.mark.parametrize('way', ways('LocalVisBackend'))
@pytest.mark.parametrize('name', PACKAGES)
@pytest.mark.usefixtures('nothing_installed')
def test_a_missing_package_is_named(name: str, way: str) -> None:
    cfg = Config(ways(name)[way])
    if not PACKAGES[name]:
        require_trackers(cfg)
        return
    line = f'asks for {name}, but .* pip install {" ".join(PACKAGES[name])},'
    with pytest.raises(UserError, match=re.escape('vis_backends ') + line):
        require_trackers(cfg)


@pytest.mark.usefixtures('nothing_installed')
def test_all_missing_packages_are_named_at_once() -> None:
    cfg = Config(
        dict(vis_backends=[BOARD], visualizer=dict(vis_backends=[dict(type='WandbVisBackend')]))
    )
    with pytest.raises(UserError, match='pip install wandb tensorboard'):
        require_trackers(cfg)


@pytest.mark.parametrize('name', WITH_PACKAGES)
def test_the_packages_are_those_that_the_backend_imports(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the backend itself: without one of them it does not start."""
    import builtins

    wanted = []

    def refuse(module: str, *args: object, real: Callable = builtins.__import__) -> object:
        if module.partition('.')[0] in PACKAGES[name] or module == 'torch.utils.tensorboard':
            wanted.append(module.rpartition('.')[2].partition('.')[0])
            raise ImportError(module)
        return real(module, *args)

    needs = dict(NeptuneVisBackend=dict(init_kwargs=dict(mode='offline')))
    backend = VISBACKENDS.build(dict(type=name, save_dir=str(tmp_path), **needs.get(name, {})))
    monkeypatch.setattr(builtins, '__import__', refuse)
    with pytest.raises(ImportError):
        _ = backend.experiment
    assert set(wanted) <= set(PACKAGES[name])
    assert wanted


def test_the_configs_list_reaches_the_visualizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    visualizer = with_backends(dict(type='X', vis_backends=[LOCAL]), [LOCAL, BOARD])
    assert visualizer == dict(type='X', vis_backends=[LOCAL, BOARD])


def test_what_both_lists_have_is_taken_once() -> None:
    ours = dict(type='mmdeeplab.LocalVisBackend')
    assert with_backends(dict(vis_backends=[ours]), [LOCAL]) == dict(vis_backends=[ours])
    board = dict(type='my.Board')
    assert with_backends(dict(vis_backends=[board]), board) == dict(vis_backends=[board])
    with pytest.raises(UserError, match='have Board twice'):
        with_backends(dict(vis_backends=[board]), [dict(board, project='other')])
    pair = [board, dict(board, name='second')]
    assert with_backends({}, pair) == dict(vis_backends=pair)


class Refusing(BaseVisBackend):
    """As a tracker without a key."""

    def _init_env(self) -> None:
        raise RuntimeError('no API key')

    @property
    def experiment(self) -> None:
        return self._init_env()


def test_a_backend_that_does_not_start_is_told(tmp_path: Path) -> None:
    VISBACKENDS.register_module(module=Refusing, force=True)
    try:
        visualizer = Visualizer(vis_backends=[dict(type='Refusing')], save_dir=str(tmp_path))
    finally:
        del VISBACKENDS.module_dict['Refusing']
    with pytest.raises(UserError, match=r'Refusing .* does not start: RuntimeError: no API key'):
        start_backends(visualizer)
    local = Visualizer(vis_backends=[LOCAL], save_dir=str(tmp_path))
    start_backends(local)
    assert isinstance(local.get_backend('LocalVisBackend'), LocalVisBackend)


def test_the_console_has_a_stream() -> None:
    """MMEngine's MLflow backend asks every handler of the log for it."""
    assert ConsoleHandler().stream is not None


def test_numbers_arrive(tmp_path: Path) -> None:
    if importlib.util.find_spec('tensorboard') is None:
        pytest.skip('needs the extra "tensorboard"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = with_backends(dict(name='board'), [LOCAL, BOARD])
    visualizer = Visualizer(save_dir=str(tmp_path), **config)
    visualizer.add_config(Config(dict(lr=0.1)))
    for step, loss in enumerate((3.0, 2.0)):
        visualizer.add_scalars(dict(loss=loss), step=step)
    visualizer.close()
    events = EventAccumulator(str(tmp_path / 'vis_data')).Reload()
    assert [event.value for event in events.Scalars('loss')] == [3.0, 2.0]
