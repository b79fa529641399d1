"""TensorBoard by a line of a config."""

import importlib.util
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.visualization import Visualizer

from mmdeeplab.engine import tensorboard
from mmdeeplab.engine.tensorboard import with_backends
from mmdeeplab.errors import UserError

LOCAL, BOARD = dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')


def test_a_missing_package_is_named_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, 'PACKAGE', 'no_such_package')
    with pytest.raises(UserError, match='pip install tensorboard'):
        with_backends(dict(vis_backends=[LOCAL]), [LOCAL, BOARD])
    assert with_backends(dict(vis_backends=[LOCAL]), [LOCAL])['vis_backends'] == [LOCAL]


def test_the_configs_list_reaches_the_visualizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, 'PACKAGE', 'json')
    visualizer = with_backends(dict(type='X', vis_backends=[LOCAL]), [LOCAL, BOARD])
    assert visualizer == dict(type='X', vis_backends=[LOCAL, BOARD])


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
