"""When a run stops, and that a resumed one goes on counting."""

from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from mmdeeplab.engine.hooks.early_stopping import EarlyStopping, early_stopping
from mmdeeplab.errors import UserError


def runner(name: str) -> SimpleNamespace:
    said: list[str] = []
    return SimpleNamespace(
        message_hub=MessageHub(name),
        train_loop=SimpleNamespace(stop_training=False),
        logger=SimpleNamespace(info=said.append),
        said=said,
    )


def validations(hook: EarlyStopping, run: SimpleNamespace, values: list[float]) -> int:
    """How many validations a run sees."""
    hook.before_train(run)
    for i, value in enumerate(values, 1):
        hook.after_val_epoch(run, {hook.monitor: value})
        if run.train_loop.stop_training:
            return i
    return len(values) + 1


NAN = float('nan')


@pytest.mark.parametrize(
    ('monitor', 'min_delta', 'values', 'stops'),
    [
        ('mIoU', 0.0, [1, 2, 2, 1], 4),
        ('mIoU', 0.0, [1, 2, 1, 3, 2, 2], 6),
        ('mIoU', 0.5, [1, 1.4, 1.5, 9], 3),
        ('mIoU', 0.0, [5, 5, 5], 3),
        ('val/loss', 0.0, [3, 2, 1, 2, 3], 5),
        ('val/loss', 0.0, [3, 2, 1], 4),
        ('mIoU', 0.0, [NAN, NAN, 9], 2),
        ('mIoU', 0.0, [NAN, 1, 2], 4),
    ],
)
def test_stops_after_two_without_an_improvement(
    monitor: str, min_delta: float, values: list, stops: int
) -> None:
    run = runner(f'{monitor}{min_delta}{values}')
    assert validations(EarlyStopping(monitor, 2, min_delta), run, values) == stops
    assert len(run.said) == (stops <= len(values))


def test_a_resumed_run_goes_on_counting() -> None:
    run = runner('resumed')
    assert validations(EarlyStopping('mIoU', 3), run, [2, 1, 1]) == 4
    assert validations(EarlyStopping('mIoU', 3), run, [1, 1]) == 1


def test_a_number_that_is_not_measured_is_answered_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r"'miou'; .* mIoU, aAcc"):
        EarlyStopping('miou').after_val_epoch(runner('unknown'), dict(mIoU=1.0, aAcc=2.0))


@pytest.mark.parametrize(
    'settings', [dict(monitor='mIoU', patience=0), dict(patience=3), dict(monitor='mIoU', wait=3)]
)
def test_wrong_settings_are_a_sentence(settings: dict) -> None:
    with pytest.raises(UserError, match='monitor, patience and min_delta'):
        early_stopping(settings)
