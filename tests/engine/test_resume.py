"""What a resumed run restores, applies, refuses and says."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.checkpoints.disk import Disk
from mmdeeplab.checkpoints.store import load, save
from mmdeeplab.engine.settings import differences
from mmdeeplab.errors import UserError
from mmdeeplab.torture.tiny import Trace, tiny_runner


def train(folder: Path, iters: int, **options: Any) -> Runner:
    runner = tiny_runner(folder, iters, **options)
    runner.train()
    return runner


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob('*.safetensors'))


def sgd(**options: Any) -> dict:
    return dict(optimizer=dict(type='SGD', momentum=0.9, lr=0.05) | options)


class Rates(Hook):
    """The learning rate of every step."""

    def __init__(self) -> None:
        self.rates: dict[int, float] = {}

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.rates[runner.iter] = runner.optim_wrapper.get_lr()['lr'][0]


@pytest.mark.parametrize(
    ('optimizer', 'schedule'),
    [
        (sgd(lr=0.4), dict(power=0.9, end=1000)),
        (sgd(lr=0.05), dict(power=2.0, end=10)),
    ],
)
def test_a_changed_schedule_applies_as_if_from_the_start(
    tmp_path: Path, optimizer: dict, schedule: dict
) -> None:
    train(tmp_path, 4)
    plan = [dict(type='PolyLR', by_epoch=False, **schedule)]
    options = dict(optim_wrapper=optimizer, param_scheduler=plan)
    rates, fresh = Rates(), Rates()
    train(tmp_path, 8, resume=True, hooks=[rates], **options)
    train(tmp_path / 'fresh', 8, hooks=[fresh], **options)
    assert rates.rates == {step: fresh.rates[step] for step in range(4, 8)}
    start, power, end = optimizer['optimizer']['lr'], schedule['power'], schedule['end']
    for step, rate in rates.rates.items():
        assert rate == pytest.approx(start * (1 - step / (end - 1)) ** power)


def test_momentum_survives_a_changed_learning_rate(tmp_path: Path) -> None:
    old = train(tmp_path, 4).optim_wrapper.state_dict()['state']
    new = tiny_runner(tmp_path, 4, resume=True, optim_wrapper=sgd(lr=0.4))
    new.train()
    state = new.optim_wrapper.state_dict()
    assert state['param_groups'][0]['initial_lr'] == 0.4
    for key, value in old.items():
        assert torch.equal(value['momentum_buffer'], state['state'][key]['momentum_buffer'])


def test_another_optimiser_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 4)
    with pytest.raises(UserError, match=r'iter_4\.safetensors was saved with another optimiser'):
        train(tmp_path, 8, resume=True, optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)))


def test_weights_alone_are_no_run(tmp_path: Path) -> None:
    runner = train(tmp_path, 4)
    save(tmp_path / 'w', dict(state_dict=runner.model.state_dict()), Disk())
    (tmp_path / 'w').rename(tmp_path / 'w.safetensors')
    with pytest.raises(UserError, match='no training state'):
        train(tmp_path, 8, resume=True, load_from=str(tmp_path / 'w.safetensors'))


def test_nothing_to_resume_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='nothing to resume'):
        train(tmp_path, 4, resume=True)


def test_without_a_seed_the_checkpoints_seed_rules(tmp_path: Path) -> None:
    whole, part = Trace(), Trace()
    first = train(tmp_path / 'a', 8, hooks=[whole], randomness=dict(seed=None), keep=9)
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'iter_4.safetensors', tmp_path / 'b')
    second = train(tmp_path / 'b', 8, hooks=[part], randomness=dict(seed=None), resume=True)
    assert first.seed == second.seed
    assert part.steps == {step: whole.steps[step] for step in range(5, 9)}


def test_a_complete_run_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tmp_path, 4)
    runner = tiny_runner(tmp_path, 4, resume=True, log_level='WARNING')
    heard: list[str] = []
    runner.logger.addHandler(Listener(heard))
    runner.train()
    assert 'is complete: iteration 4 of 4' in ''.join(heard)


class Listener(logging.Handler):
    """Collect messages."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def test_a_moved_work_dir_goes_on(tmp_path: Path) -> None:
    train(tmp_path / 'old', 4)
    (tmp_path / 'old').rename(tmp_path / 'new')
    assert train(tmp_path / 'new', 6, resume=True).iter == 6
    assert (tmp_path / 'new' / 'last_checkpoint').read_text() == 'iter_6.safetensors'
    assert not (tmp_path / 'old').exists()


@pytest.mark.parametrize('background', [False, True])
def test_the_old_file_goes_after_the_new_one_is_there(tmp_path: Path, background: bool) -> None:
    seen: list[list[str]] = []

    class Watch(Disk):
        def remove(self, path: Path) -> None:
            seen.append(names(tmp_path))
            super().remove(path)

    hook = dict(type='mmdeeplab.CheckpointHook', by_epoch=False, interval=2, max_keep_ckpts=1)
    runner = tiny_runner(
        tmp_path, 6, default_hooks=dict(checkpoint=hook | dict(async_save=background))
    )
    runner.disk = Watch()
    runner.train()
    assert seen == [
        ['iter_2.safetensors', 'iter_4.safetensors'],
        ['iter_4.safetensors', 'iter_6.safetensors'],
    ]
    assert load(tmp_path / 'iter_6.safetensors')['meta']['iter'] == 6


def test_what_is_saved_in_the_background_is_the_state_of_its_step(tmp_path: Path) -> None:
    hook = dict(type='mmdeeplab.CheckpointHook', by_epoch=False, interval=1)
    for name, background in (('a', False), ('b', True)):
        options = dict(default_hooks=dict(checkpoint=hook | dict(async_save=background)))
        train(tmp_path / name, 5, **options)
    for step in range(1, 6):
        one, two = (load(tmp_path / name / f'iter_{step}.safetensors') for name in 'ab')
        assert all(
            torch.equal(one['state_dict'][k], two['state_dict'][k]) for k in one['state_dict']
        )


@pytest.mark.parametrize('background', [False, True])
def test_a_lost_last_checkpoint_ends_the_run_with_an_error(
    tmp_path: Path, background: bool
) -> None:
    class Full(Disk):
        def rename(self, source: Path, target: Path) -> None:
            if target.name == 'iter_6.safetensors':
                raise OSError(28, 'No space left on device')
            super().rename(source, target)

    hook = dict(type='mmdeeplab.CheckpointHook', by_epoch=False, interval=2)
    runner = tiny_runner(
        tmp_path, 6, default_hooks=dict(checkpoint=hook | dict(async_save=background))
    )
    runner.disk = Full()
    with pytest.raises(UserError, match=r'iter_6\.safetensors is not saved: No space left'):
        runner.train()
    assert names(tmp_path) == ['iter_2.safetensors', 'iter_4.safetensors']


def test_the_best_checkpoint_replaces_the_one_before(tmp_path: Path) -> None:
    hook = dict(
        type='mmdeeplab.CheckpointHook',
        by_epoch=False,
        interval=2,
        max_keep_ckpts=1,
        save_best='toy/count',
        rule='greater',
    )
    train(tmp_path, 4, validate=2, default_hooks=dict(checkpoint=hook))
    assert names(tmp_path) == ['best_toy_count_iter_2.safetensors', 'iter_4.safetensors']
    hub = load(tmp_path / 'iter_4.safetensors')['message_hub']['runtime_info']
    assert hub['best_ckpt'] == 'best_toy_count_iter_2.safetensors'
    assert hub['best_score'] == 37


def test_differences_name_every_leaf() -> None:
    old = dict(a=dict(lr=0.1, b=(1, 2)), work_dir='x', hooks=[dict(n=1), dict(n=2)], processes=1)
    new = dict(a=dict(lr=0.2, b=(1, 2)), work_dir='y', hooks=[dict(n=1), dict(n=3)], extra=None)
    assert differences(old, new) == [
        'a.lr: 0.1 -> 0.2',
        'hooks.1.n: 2 -> 3',
        'processes: 1 -> -',
        'extra: - -> None',
    ]
