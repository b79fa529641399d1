"""What a resumed run restores, applies, refuses and says."""

import logging
import os
import re
import shutil
import signal
import threading
import time
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from robustness.tiny import Count, Noise, Toy, Trace, in_child, tiny_runner

from mmdeeplab.checkpoint.find import newest_valid, read_summary
from mmdeeplab.checkpoint.store import load, save
from mmdeeplab.cli import train as command
from mmdeeplab.datasets import samplers
from mmdeeplab.engine.optim.restore import scale_changed
from mmdeeplab.engine.run_settings import differences
from mmdeeplab.engine.training_state import training_state
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import Disk


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


def test_a_pointer_of_any_text_is_only_a_hint(tmp_path: Path) -> None:
    train(tmp_path, 1)
    (tmp_path / 'last_checkpoint').write_text('x' * 300)
    assert newest_valid(tmp_path).path == tmp_path / 'iter_1.safetensors'


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


OPTIMISERS = ('SGD', 'Adam', 'AdamW', 'NAdam', 'RAdam', 'Adamax', 'RMSprop', 'Adagrad', 'Adadelta')


@pytest.mark.filterwarnings('ignore')  # PyTorch's, of what it compiles for some of them
@pytest.mark.parametrize('old', OPTIMISERS)
def test_every_other_kind_of_optimiser_is_refused(tmp_path: Path, old: str) -> None:
    train(tmp_path, 2, optim_wrapper=dict(optimizer=dict(type=old, lr=0.01)))
    for new in OPTIMISERS:
        options: dict = dict(optim_wrapper=dict(optimizer=dict(type=new, lr=0.01)), resume=True)
        if new == old:
            assert train(tmp_path, 2, **options).iter == 2
            continue
        with pytest.raises(UserError, match=rf'another optimiser, .*\.{old}, .*\.{new}: '):
            train(tmp_path, 2, **options)


SCHEDULES = {
    'poly': [dict(type='PolyLR', power=0.9, end=1000, by_epoch=False)],
    'cosine': [dict(type='CosineAnnealingLR', T_max=20, by_epoch=False)],
    'steps': [dict(type='MultiStepLR', milestones=[2, 6], by_epoch=False)],
    'exponential': [dict(type='ExponentialLR', gamma=0.9, by_epoch=False)],
    'warm-up': [
        dict(type='LinearLR', start_factor=0.1, end=6, by_epoch=False),
        dict(type='PolyLR', power=0.9, end=20, by_epoch=False),
    ],
    'restarts': [
        dict(type='ConstantLR', factor=0.5, end=3, by_epoch=False),
        dict(type='ExponentialLR', gamma=0.8, by_epoch=False),
    ],
    'one cycle': [dict(type='OneCycleLR', eta_max=0.1, total_steps=20, by_epoch=False)],
    'none': [],
}


@pytest.mark.parametrize('old', SCHEDULES)
@pytest.mark.parametrize('new', SCHEDULES)
def test_another_kind_of_schedule_applies_as_if_from_the_start(
    tmp_path: Path, old: str, new: str
) -> None:
    rates, fresh = Rates(), Rates()
    train(tmp_path, 4, param_scheduler=SCHEDULES[old])
    train(tmp_path, 8, param_scheduler=SCHEDULES[new], resume=True, hooks=[rates])
    train(tmp_path / 'fresh', 8, param_scheduler=SCHEDULES[new], hooks=[fresh])
    assert rates.rates == {
        step: pytest.approx(fresh.rates[step], rel=1e-12) for step in range(4, 8)
    }


@pytest.mark.parametrize('batch', [2, 4, 8])
def test_another_batch_goes_on_at_its_own_position(tmp_path: Path, batch: int) -> None:
    """At ``iteration * global batch``, whatever the batch was before."""
    seen: list[list[int]] = []

    class Order(Hook):
        def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any) -> None:
            seen.append(data_batch['inputs'].flatten(1).sum(1).tolist())

    loader = dict(
        batch_size=batch,
        dataset=Noise(),
        sampler=dict(type='mmdeeplab.ResumableSampler'),
        collate_fn=dict(type='default_collate'),
    )
    train(tmp_path, 3)
    train(tmp_path / 'fresh', 6, train_dataloader=loader, hooks=[Order()])
    train(tmp_path, 6, train_dataloader=loader, hooks=[Order()], resume=True)
    assert seen[6:] == seen[3:6]


@pytest.mark.parametrize('stop', [1, 2, 3, 4, 5, 6, 7])
def test_a_step_in_the_making_is_gone_on_with(tmp_path: Path, stop: int) -> None:
    """Under gradient accumulation, the gradients so far are part of the state."""
    wrapper = dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9), accumulative_counts=3)
    whole, part = Trace(), Trace()
    options: dict = dict(optim_wrapper=wrapper, interval=1, keep=9)
    train(tmp_path / 'a', 8, hooks=[whole], **options)
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / f'iter_{stop}.safetensors', tmp_path / 'b')
    train(tmp_path / 'b', 8, hooks=[part], resume=True, **options)
    assert part.steps == {step: whole.steps[step] for step in range(stop + 1, 9)}


def test_without_averaging_the_trained_weights_go_on(tmp_path: Path) -> None:
    """A checkpoint has the averaged weights in their place."""
    train(tmp_path, 4)
    plain = train(tmp_path / 'plain', 4, custom_hooks=[])
    heard: list[str] = []
    runner = tiny_runner(tmp_path, 4, resume=True, custom_hooks=[], log_level='WARNING')
    runner.logger.addHandler(Listener(heard))
    runner.train()
    assert 'averaged weights' in ''.join(heard)
    state = runner.model.state_dict()
    assert all(torch.equal(state[key], value) for key, value in plain.model.state_dict().items())


def test_averaging_may_begin_on_resume(tmp_path: Path) -> None:
    train(tmp_path, 4, custom_hooks=[])
    assert train(tmp_path, 6, resume=True).iter == 6


@pytest.mark.parametrize('change', [{}, dict(loss_scale=64.0)], ids=['same', 'another'])
def test_another_loss_scale_applies(change: dict) -> None:
    """The state of the old one does not come with the checkpoint."""
    runner = SimpleNamespace(cfg=Config(dict(optim_wrapper=dict(loss_scale='dynamic') | change)))
    runner.world_size = 1
    meta = dict(settings=dict(optim_wrapper=dict(loss_scale='dynamic')))
    assert scale_changed(meta, runner) == bool(change)


def test_a_run_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    stop = dict(type='mmdeeplab.EarlyStopping', monitor='toy/count', patience=1)
    assert train(tmp_path, 20, validate=3, interval=4, hooks=[stop]).iter == 6
    assert 'iter_6.safetensors' in names(tmp_path)
    runner = tiny_runner(
        tmp_path, 20, validate=3, interval=4, hooks=[stop], resume=True, log_level='INFO'
    )
    heard: list[str] = []
    runner.logger.addHandler(Listener(heard))
    runner.train()
    assert runner.iter == 6
    assert 'was stopped early' in ''.join(heard)
    patient = stop | dict(patience=3)
    assert train(tmp_path, 20, validate=3, interval=4, hooks=[patient], resume=True).iter == 12


def test_nothing_of_another_run_in_the_folder_is_deleted(tmp_path: Path) -> None:
    """Neither its checkpoints, nor its best one, though their names are on our list."""
    a, b = tmp_path / 'a', tmp_path / 'b'
    hook = dict(
        type='mmdeeplab.CheckpointHook', by_epoch=False, interval=2, max_keep_ckpts=2,
        save_best='toy/count', rule='greater',
    )  # fmt: skip
    options: dict = dict(validate=2, default_hooks=dict(checkpoint=hook))
    train(a, 4, **options)
    train(b, 4, **options, randomness=dict(seed=4))
    before = {name: (b / name).read_bytes() for name in names(b)}
    train(b, 10, resume=True, load_from=str(a / 'iter_4.safetensors'), **options)
    for name in before:
        assert (b / name).read_bytes() == before[name], name


@pytest.mark.parametrize('keys', [{'gone': True}, {'train/loss': False}, {}])
def test_keys_that_are_not_in_a_checkpoint_are_not_talked_of(
    tmp_path: Path, keys: dict, capsys: pytest.CaptureFixture
) -> None:
    runner = train(tmp_path, 2)
    state = training_state(runner)
    state['message_hub'] = {**state['message_hub']}
    state['message_hub']['resumed_keys'] = {**state['message_hub']['resumed_keys'], **keys}
    save(tmp_path / 'iter_2.safetensors', state, Disk(), dict(iter=2, epoch=0, started=1.0))
    train(tmp_path, 2, resume=True)
    assert 'resumed key' not in capsys.readouterr().out


class Full(Disk):
    """Refuse one call for files whose name begins in one way, the first so many times spared."""

    def __init__(self, start: str, spared: int = 0) -> None:
        self.start, self.spared = start, spared

    def rename(self, source: Path, target: Path) -> None:
        if target.name.startswith(self.start):
            self.spared -= 1
            if self.spared < 0:
                raise OSError(28, 'No space left on device')
        super().rename(source, target)


# What cannot be written; what is said of it; what is said at the end; the last score that is noted.
FULL = [
    (('iter_4', 1), 'iter_4 is not saved.*; iter_4.* stays as it was saved before', '', 37),
    (('iter_6', 1), 'iter_6.* is not saved.*iter_6.* stays', 'iter_6.safetensors is there', 37),
    (('iter_6', 0), 'iter_6.* is not saved.*newest good checkpoint is iter_4', 'end is lost', 37),
    (('iter_', 0), 'iter_2.* is not saved.*; none was saved yet', 'its end is lost', 37),
    (
        ('best_', 0),
        'best_.*iter_2.* is not saved',
        'its best checkpoint by toy/count is lost',
        None,
    ),
    (('last_checkpoint', 0), 'last_checkpoint is not saved', 'iter_6.safetensors is there', 37),
]


@pytest.mark.parametrize('background', [False, True])
@pytest.mark.parametrize(('what', 'said', 'end', 'best'), FULL)
def test_a_full_disk_is_told_truly(
    tmp_path: Path, what: tuple, said: str, end: str, best: float | None, background: bool
) -> None:
    hook = dict(
        type='mmdeeplab.CheckpointHook', by_epoch=False, interval=2, save_best='toy/count',
        rule='greater', async_save=background,
    )  # fmt: skip
    runner = tiny_runner(tmp_path, 6, validate=2, default_hooks=dict(checkpoint=hook))
    runner.disk = Full(*what)
    heard: list[str] = []
    runner.logger.addHandler(Listener(heard))
    if end:
        with pytest.raises(UserError, match=end):
            runner.train()
    else:
        runner.train()
    errors = [text for text in heard if 'training goes on' in text]
    assert re.search(said.replace('iter_4 ', r'iter_4\.safetensors '), errors[0])
    assert runner.message_hub.get_info('best_score') == best
    for text in errors:  # what is said to be good is there, what is not saved is not
        if good := re.search(r'newest good checkpoint is (\S+)', text):
            assert not re.search(rf'/{re.escape(good[1])} is not saved', text)


def best_runner(
    work_dir: Path, iterations: int, metric: Count, disk: Disk, **options: object
) -> Runner:
    """A run that validates every second iteration, and saves the best checkpoint and the last."""
    hook = dict(type='mmdeeplab.CheckpointHook', by_epoch=False, interval=10**9)
    hook |= dict(save_best='toy/count', rule='greater', **options)
    hooks = dict(checkpoint=hook)
    runner = tiny_runner(
        work_dir, iterations, validate=2, default_hooks=hooks, val_evaluator=[metric]
    )
    runner.disk = disk
    return runner


def test_a_best_checkpoint_that_is_lost_in_the_background_is_not_the_best(tmp_path: Path) -> None:
    """And what is known of it is put back by the thread that trains."""

    class Falling(Count):
        def compute_metrics(self, results: list) -> dict:
            self.last = getattr(self, 'last', 9.0) - 1
            return dict(count=self.last)

    class SlowAndFull(Disk):
        def rename(self, source: Path, target: Path) -> None:
            if target.name.endswith('iter_2.safetensors'):
                time.sleep(0.5)
                raise OSError(28, 'No space left on device')
            super().rename(source, target)

    options = dict(async_save=True, save_last=False)
    runner = best_runner(tmp_path, 4, Falling(prefix='toy'), SlowAndFull(), **options)
    threads: set[str] = set()
    forget = runner.message_hub.pop_info

    def pop_info(key: str) -> None:
        threads.add(threading.current_thread().name)
        forget(key)

    runner.message_hub.pop_info = pop_info  # type: ignore[method-assign, assignment]
    runner.train()
    assert names(tmp_path) == ['best_toy_count_iter_4.safetensors']
    assert runner.message_hub.get_info('best_score') == 7
    assert threads == {'MainThread'}


@pytest.mark.parametrize('background', [False, True])
def test_an_old_best_checkpoint_that_cannot_be_removed_at_once_goes_later(
    tmp_path: Path, background: bool
) -> None:
    """And is no reason to say that the best one is lost."""

    class Rising(Count):
        def compute_metrics(self, results: list) -> dict:
            self.last = min(getattr(self, 'last', 0.0) + 1, 2.0)
            return dict(count=self.last)

    class Busy(Disk):
        refused = 0

        def remove(self, path: Path) -> None:
            if path.name.startswith('best_') and not self.refused:
                self.refused += 1
                raise OSError(16, 'Device or resource busy')
            super().remove(path)

    disk = Busy()
    best_runner(tmp_path, 6, Rising(prefix='toy'), disk, async_save=background).train()
    assert disk.refused == 1
    assert names(tmp_path) == ['best_toy_count_iter_4.safetensors', 'iter_6.safetensors']


@pytest.mark.parametrize('keep', [1, 2, 3])
@pytest.mark.parametrize('best', [None, 'toy/count'])
@pytest.mark.parametrize('background', [False, True])
def test_the_disk_holds_no_more_files_than_the_page_says(
    tmp_path: Path, keep: int, best: str | None, background: bool
) -> None:
    """One more than ``max_keep_ckpts``, and one more for each score."""
    counts: list[int] = []

    class Count(Disk):
        def sync(self, file: BinaryIO) -> None:
            super().sync(file)
            counts.append(sum('.safetensors' in path.name for path in tmp_path.iterdir()))

    hook = dict(
        type='mmdeeplab.CheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=keep,
        save_best=best, rule='greater', async_save=background,
    )  # fmt: skip
    runner = tiny_runner(tmp_path, 6, validate=2, default_hooks=dict(checkpoint=hook))
    runner.disk = Count()
    runner.train()
    assert max(counts) == keep + 1 + bool(best)


@pytest.mark.parametrize('world', [1, 2, 3])
@pytest.mark.parametrize('done', [0, 3, 11])
def test_any_number_of_processes_goes_on_at_its_position(
    world: int, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At ``iteration * global batch`` of one stream, each rank with its share."""
    batch, whole = 4, []
    for rank in range(world):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, world))
        sampler = samplers.ResumableSampler(Noise(), seed=5)
        sampler.skip(done * batch)
        whole.append(list(islice(sampler, batch)))
    monkeypatch.setattr(samplers, 'get_dist_info', lambda: (0, 1))
    alone = samplers.ResumableSampler(Noise(), seed=5)
    start = done * batch * world
    expected = list(islice(alone, start, start + batch * world))
    together = [place for places in zip(*whole, strict=True) for place in places]
    assert [(int(p), p.position) for p in together] == [(int(p), p.position) for p in expected]


@pytest.mark.parametrize('settings', [
    dict(save_best='toy/other', rule='less'), dict(save_best='toy/count', rule='less'),
])  # fmt: skip
def test_another_score_or_rule_begins_without_a_best_one(tmp_path: Path, settings: dict) -> None:
    class Two(Count):
        def compute_metrics(self, results: list) -> dict:
            return dict(count=37.0, other=99.0)

    hook = dict(type='mmdeeplab.CheckpointHook', by_epoch=False, interval=2)
    first = hook | dict(save_best='toy/count', rule='greater')
    options: dict = dict(validate=2, val_evaluator=[Two(prefix='toy')])
    train(tmp_path, 2, default_hooks=dict(checkpoint=first), **options)
    runner = train(
        tmp_path, 4, default_hooks=dict(checkpoint=hook | settings), resume=True, **options
    )
    key = settings['save_best'].replace('/', '_')
    assert (tmp_path / f'best_{key}_iter_4.safetensors').is_file()
    assert runner.message_hub.get_info('best_ckpt') == f'best_{key}_iter_4.safetensors'


@pytest.mark.parametrize(
    ('files', 'request_', 'words'),
    [
        (['iter_2', 'iter_4'], 'latest', 'iter_4.safetensors (iteration 4) is the newest: iter_2'),
        (['iter_2', 'iter_4'], 'auto', 'iter_4.safetensors (iteration 4) is the newest: iter_2'),
        (['iter_2', 'best_toy_count_iter_4'], 'latest', 'further, but a best checkpoint'),
        (['best_toy_count_iter_4'], 'auto', 'best_toy_count_iter_4.safetensors can be named'),
        (['best_toy_count_iter_4'], 'latest', 'best_toy_count_iter_4.safetensors can be named'),
        ([], 'latest', 'no checkpoint (iter_*, epoch_*.safetensors)'),
        ([], 'auto', 'nothing to resume'),
        (['iter_4'], 'auto', 'resuming from'),
    ],
)
def test_the_command_says_what_it_goes_on_from(
    tmp_path: Path, files: list, request_: str, words: str
) -> None:
    for name in files:
        summary = dict(iter=int(name[-1]), epoch=0, started=1.0, attempt=1)
        save(tmp_path / f'{name}.safetensors', dict(meta={}), Disk(), summary)
    try:
        said = '\n'.join(command.find_resume(Config(dict(work_dir=str(tmp_path))), request_)[1])
    except UserError as error:
        said = str(error)
    assert words in said


def test_an_earlier_training_in_the_folder_is_told(tmp_path: Path) -> None:
    train(tmp_path, 2)
    runner = tiny_runner(tmp_path, 2, log_level='WARNING')
    heard: list[str] = []
    runner.logger.addHandler(Listener(heard))
    runner.train()
    assert 'holds 1 checkpoints of an earlier training (iter_2.safetensors)' in ''.join(heard)
    assert read_summary(tmp_path / 'iter_2.safetensors')['attempt'] == 2


def test_after_going_back_a_plain_resume_stays_with_what_came_of_it(tmp_path: Path) -> None:
    """Though a checkpoint of before is further."""
    train(tmp_path, 8, interval=4, keep=9)
    back = str(tmp_path / 'iter_4.safetensors')
    train(tmp_path, 6, interval=6, keep=9, resume=True, load_from=back, optim_wrapper=sgd(lr=0.4))
    assert (tmp_path / 'iter_8.safetensors').is_file()
    runner = tiny_runner(tmp_path, 6, resume=True)
    runner.train()
    assert runner.iter == 6


@pytest.mark.parametrize('first', [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
@pytest.mark.parametrize('second', [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_of_another_kind_ends_the_process_at_once_with_its_own_code(
    tmp_path: Path, first: int, second: int
) -> None:
    class Twice(Hook):
        def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
            if runner.iter == 2:
                os.kill(os.getpid(), first)
                os.kill(os.getpid(), second)
                time.sleep(60 * (first != second))  # a step that does not end by itself

    status = in_child(lambda: train(tmp_path, 4, interval=9, hooks=[Twice()]))
    assert status == 128 + second
    assert (names(tmp_path) == ['iter_3.safetensors']) == (first == second)


@pytest.mark.parametrize('request_', [None, 'latest', 'auto', '/other/iter_9.safetensors'])
@pytest.mark.parametrize(('saved', 'restarts', 'own'), [
    ('job 1', 1, True), ('job 0', 1, False), ('', 1, False), (None, 1, False), ('job 1', 0, False),
])  # fmt: skip
def test_a_restarted_job_goes_on_from_what_it_saved_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: str | None, saved: str | None,
    restarts: int, own: bool,
) -> None:  # fmt: skip
    """Not from what an earlier one left in the folder."""
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'job 1')
    monkeypatch.setenv('TORCHELASTIC_RESTART_COUNT', str(restarts))
    if saved is not None:
        summary = dict(iter=4, epoch=0, started=1.0, attempt=1, job=saved)
        save(tmp_path / 'iter_4.safetensors', dict(meta={}), Disk(), summary)
    chosen = command.after_restart(Config(dict(work_dir=str(tmp_path))), request_)
    assert chosen == ('auto' if own else request_)


def test_a_checkpoint_knows_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'job 7')
    train(tmp_path, 2)
    assert read_summary(tmp_path / 'iter_2.safetensors')['job'] == 'job 7'


def step(kind: str, **options: Any) -> dict:
    return dict(type=kind, by_epoch=False) | options


class Lists(Trace):
    """Of schedules by optimiser, too."""

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        built, parts = runner.param_schedulers, runner.param_schedulers
        if isinstance(built, dict):
            parts = [scheduler for part in built.values() for scheduler in part]
        runner.param_schedulers = parts
        super().after_train_iter(runner, *args, **kwargs)
        runner.param_schedulers = built


FOLLOWS = dict(type='ReduceOnPlateauLR', monitor='toy/count', rule='greater', patience=0)
UNCHANGED = {
    'one cycle': [step('OneCycleLR', eta_max=0.1, total_steps=8)],
    'restarts': [step('CosineRestartLR', periods=[3, 5], restart_weights=[1, 0.5], eta_min=0)],
    'momentum': [step('LinearMomentum', start_factor=0.5, end=6), step('ExponentialLR', gamma=0.9)],
    'by a score': [step('LinearLR', start_factor=0.1, end=3), FOLLOWS],
}


@pytest.mark.parametrize('name', UNCHANGED)
def test_every_schedule_goes_on(tmp_path: Path, name: str) -> None:
    whole, part = Trace(), Trace()
    options = dict(param_scheduler=UNCHANGED[name], validate=1 if FOLLOWS in UNCHANGED[name] else 0)
    train(tmp_path, 8, hooks=[whole], keep=9, **options)
    saved = str(tmp_path / 'iter_4.safetensors')
    train(tmp_path / 'part', 8, hooks=[part], resume=True, load_from=saved, **options)
    assert part.steps == {i: whole.steps[i] for i in range(5, 9)}


def test_a_schedule_by_a_score_is_not_guessed(tmp_path: Path) -> None:
    options = dict(param_scheduler=[FOLLOWS], validate=1)
    train(tmp_path, 4, **options)
    train(tmp_path, 6, resume=True, **options)  # a longer run changes nothing
    with pytest.raises(UserError, match='ReduceOnPlateauLR follows a score'):
        train(tmp_path, 8, resume=True, optim_wrapper=sgd(lr=0.4), **options)


def test_schedules_by_epoch_and_iteration_are_replayed_in_turn(tmp_path: Path) -> None:
    rates, fresh = Rates(), Rates()
    plan = [step('LinearLR', start_factor=0.1, end=12), dict(type='ExponentialLR', gamma=0.5)]
    options = dict(param_scheduler=plan)
    loop = dict(type='EpochBasedTrainLoop', val_interval=9)
    train(tmp_path, 20, train_cfg=dict(loop, max_epochs=2), **options)
    options |= dict(train_cfg=dict(loop, max_epochs=3), optim_wrapper=sgd(lr=0.4))
    train(tmp_path, 27, resume=True, hooks=[rates], **options)
    train(tmp_path / 'fresh', 27, hooks=[fresh], **options)
    assert rates.rates == {i: rate for i, rate in fresh.rates.items() if i >= 18}


class TwoOptimizers(Toy):
    """Its two halves have an optimiser each."""

    def train_step(self, data: Any, optim_wrapper: Any) -> dict:
        optim_wrapper['conv'].zero_grad()
        optim_wrapper['linear'].zero_grad()
        loss = self(**self.data_preprocessor(data, True))['loss']
        loss.backward()
        optim_wrapper['conv'].step()
        optim_wrapper['linear'].step()
        return dict(loss=loss.detach())


def test_each_of_several_optimisers_goes_on(tmp_path: Path) -> None:
    def run(folder: Path, hook: Trace, **options: Any) -> Runner:
        torch.manual_seed(0)
        model = TwoOptimizers()
        wrappers = OptimWrapperDict(
            conv=OptimWrapper(torch.optim.SGD(model.conv.parameters(), 0.05, momentum=0.9)),
            linear=OptimWrapper(torch.optim.Adam(model.linear.parameters(), 0.01)),
        )
        plan = dict(conv=UNCHANGED['restarts'], linear=[step('PolyLR', end=100)])
        options |= dict(model=model, optim_wrapper=wrappers, param_scheduler=plan)
        return train(folder, 8, hooks=[hook], keep=9, **options)

    whole, part = Lists(), Lists()
    run(tmp_path, whole)
    saved = str(tmp_path / 'iter_4.safetensors')
    run(tmp_path / 'part', part, resume=True, load_from=saved)
    assert part.steps == {i: whole.steps[i] for i in range(5, 9)}
    with pytest.raises(UserError, match='was saved with another optimiser'):
        train(tmp_path / 'one', 8, resume=True, load_from=saved)
