"""Whatever ends a run, wherever it is: resumed, its histories are those of the undisturbed run."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner
from robustness.tiny import Noise, fingerprint, in_child, run_state, tiny_runner

from mmdeeplab.checkpoint.find import newest_valid
from mmdeeplab.checkpoint.store import load
from mmdeeplab.engine import runner as runner_module
from mmdeeplab.fileio.atomic import Disk
from mmdeeplab.report.history import read_history

LENGTH, VALIDATE = 8, 2


class Still(Noise):
    """To score by: the same pictures each time."""

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(index)
        return dict(inputs=torch.randn(3, 8, 8, generator=generator), label=index % 2)


class Erratic(BaseMetric):
    """A score of the weights that rises and falls."""

    def process(self, data_batch: dict, data_samples: Any) -> None:
        self.results += [float(scores.double().sum()) for scores in data_samples]

    def compute_metrics(self, results: list) -> dict:
        return dict(score=sum(results) * 100 % 1)


class End(Exception):
    """Of the run, in its midst."""


def by_kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def by_term() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def by_error() -> None:
    raise End


ENDS: dict[str, Callable[[], None]] = dict(kill=by_kill, term=by_term, error=by_error)


class At(Hook):
    """End the run at a stage of an iteration, before or after the other hooks."""

    def __init__(self, stage: str, iteration: int, priority: str, end: Callable[[], None]) -> None:
        self.iteration, self.end, self.priority = iteration, end, priority
        setattr(self, stage, self.act)

    def act(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if runner.iter == self.iteration:
            self.end()


class Deadly(Disk):
    """End the run in one call for the n-th file of a kind.

    Args:
        call: A method of Disk.
        start: How the file's name begins.
        number: Which such call, from 1.
    """

    def __init__(self, call: str, start: str, number: int, end: Callable[[], None]) -> None:
        self.deadly, self.start, self.left, self.end = call, start, number, end
        self.name = ''

    def look(self, call: str, name: str) -> None:
        if call == self.deadly and name.startswith(self.start):
            self.left -= 1
            if self.left == 0:
                self.end()

    def create(self, path: Path) -> BinaryIO:
        self.name = path.name.rpartition('-')[2]
        return super().create(path)

    def sync(self, file: BinaryIO) -> None:
        self.look('sync', self.name)
        super().sync(file)

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self.look('rename', target.name)

    def remove(self, path: Path) -> None:
        self.look('remove', path.name)
        super().remove(path)


# Of 8 iterations with a validation every 2: a stage, `runner.iter` there, before or after others.
STAGES = [
    ('before_train_iter', 3, 'VERY_LOW'),
    ('after_train_iter', 3, 'VERY_HIGH'),
    ('after_train_iter', 7, 'VERY_HIGH'),
    ('after_train_iter', 7, 'LOWEST'),
    ('before_val', 4, 'VERY_HIGH'),
    ('after_val_iter', 4, 'VERY_HIGH'),
    ('after_val_iter', 8, 'VERY_HIGH'),
    ('after_val_epoch', 4, 'VERY_HIGH'),
    ('after_val_epoch', 4, 'LOWEST'),
    ('after_val_epoch', 8, 'VERY_HIGH'),
    ('after_val_epoch', 8, 'LOWEST'),
    ('after_train', 8, 'VERY_HIGH'),
    ('after_run', 8, 'LOWEST'),
]
CALLS = [
    ('sync', 'iter_4', 1),
    ('rename', 'iter_4', 1),
    ('rename', 'iter_4', 2),
    ('sync', 'iter_8', 2),
    ('sync', 'best_', 1),
    ('rename', 'best_', 1),
    ('sync', 'best_', 2),
    ('rename', 'best_', 2),
    ('remove', 'best_', 1),
    ('rename', 'last_checkpoint', 2),
]


def start(folder: Path, interval: int, patience: int, hooks: list, disk: Disk, resume: bool) -> int:
    """One life of the run in a process of its own; its exit status."""
    folder.mkdir(exist_ok=True)
    return in_child(lambda: live(folder, interval, patience, hooks, disk, resume), folder / 'out')


def live(folder: Path, interval: int, patience: int, hooks: list, disk: Disk, resume: bool) -> None:
    """Train; write the end. A negative interval is that of a run by epochs of two iterations."""
    by_epoch = interval < 0
    length = dict(type='IterBasedTrainLoop', max_iters=LENGTH, val_interval=VALIDATE)
    training = dict(
        batch_size=4, dataset=Noise(), sampler=dict(type='mmdeeplab.ResumableSampler'),
        collate_fn=dict(type='default_collate'),
    )  # fmt: skip
    if by_epoch:
        length = dict(type='EpochBasedTrainLoop', max_epochs=LENGTH // 2, val_interval=1)
        training['batch_size'] = 18
    by = dict(by_epoch=False, interval=abs(interval))
    if interval == -2:
        by = dict(by_epoch=True, interval=1)
    loader = dict(
        batch_size=19, dataset=Still(), sampler=dict(type='DefaultSampler', shuffle=False)
    )
    checkpoint = dict(
        type='mmdeeplab.CheckpointHook', **by, max_keep_ckpts=2,
        save_best='toy/score', rule='greater',
    )  # fmt: skip
    stop = dict(type='mmdeeplab.EarlyStopping', monitor='toy/score', patience=patience)
    visualizer = dict(
        type='Visualizer', vis_backends=[dict(type='mmdeeplab.LocalVisBackend')],
        name=f'{folder}{resume}', save_dir=str(folder / f'log{len(list(folder.glob("log*")))}'),
    )  # fmt: skip
    runner = tiny_runner(
        folder, LENGTH, hooks=[stop, *hooks], validate=VALIDATE, resume=resume,
        default_hooks=dict(
            checkpoint=checkpoint,
            logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
        ),
        log_processor=dict(by_epoch=by_epoch), train_cfg=length, train_dataloader=training,
        visualizer=visualizer,
        val_dataloader=loader, val_evaluator=[Erratic(prefix='toy')],
    )  # fmt: skip
    runner.disk = disk
    runner.train()
    info = runner.message_hub.runtime_info
    kept = {key: info.get(key) for key in ('best_score', 'best_ckpt', 'early_stopping')}
    end = dict(kept, iter=runner.iter, state=fingerprint(run_state(runner)))
    (folder / 'end.json').write_text(json.dumps(end))


def outcome(folder: Path) -> dict:
    """What a finished run leaves: its end, its histories, its best file, its newest checkpoint."""
    history = {k: v for k, v in read_history(folder).items() if 'time' not in k and k != 'eta'}
    (best,) = folder.glob('best_*')
    newest = newest_valid(folder).path
    assert newest is not None
    return dict(
        json.loads((folder / 'end.json').read_text()),
        history=history,
        best={best.name: fingerprint(load(best)['state_dict'])},
        newest={newest.name: fingerprint(load(newest)['optimizer'])},
    )


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves take longer to draw than the runs take."""
    monkeypatch.setattr(runner_module, 'try_to_draw', lambda *_: None)


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], dict]:
    live(tmp_path_factory.mktemp('warm'), 9, 9, [], Disk(), False)  # what forked processes share
    known: dict = {}

    def get(interval: int, patience: int) -> dict:
        if (interval, patience) not in known:
            folder = tmp_path_factory.mktemp('whole') / 'run'
            status = start(folder, interval, patience, [], Disk(), False)
            assert status == 0, (folder / 'out').read_text()
            known[interval, patience] = outcome(folder)
        return known[interval, patience]

    return get


def test_the_score_rises_and_falls(undisturbed: Callable) -> None:
    """Else the tests below would show little."""
    scores = [value for _, value in undisturbed(2, 9)['history']['toy/score']]
    assert len(scores) == LENGTH // VALIDATE
    assert 1 < scores.index(max(scores)) + 1 < len(scores)
    assert undisturbed(2, 1)['iter'] < LENGTH


def test_what_is_noted_for_a_resume_is_not_logged(undisturbed: Callable) -> None:
    """MMEngine logs whatever is called "val..."."""
    logged = {
        key for key in undisturbed(2, 9)['history'] if not key.startswith(('loss', 'lr', 'base_lr'))
    }
    assert logged == {'toy/score'}


# Every place with every kind of end, the intervals of checkpoints in turns.
CASES = [
    (where, end, 2 + (i + j) % 2)
    for i, where in enumerate([*STAGES, *CALLS])
    for j, end in enumerate(ENDS)
]
EPOCHS = {'iter_4': 'epoch_2', 'iter_8': 'epoch_4'}  # of two iterations


@pytest.mark.parametrize(('where', 'end', 'interval'), CASES, ids=lambda value: str(value))
def test_a_resumed_run_has_the_history_of_an_undisturbed_one(
    tmp_path: Path, undisturbed: Callable, where: tuple, end: str, interval: int
) -> None:
    check(tmp_path, undisturbed, where, end, interval)


@pytest.mark.parametrize(('where', 'end', 'interval'), CASES[::4], ids=lambda value: str(value))
def test_so_has_a_run_by_epochs(
    tmp_path: Path, undisturbed: Callable, where: tuple, end: str, interval: int
) -> None:
    if where in CALLS and interval == 2:
        where = (where[0], EPOCHS.get(where[1], where[1]), where[2])
    check(tmp_path, undisturbed, where, end, -interval)


def check(tmp_path: Path, undisturbed: Callable, where: tuple, end: str, interval: int) -> None:
    act = ENDS[end]
    stage = hasattr(Hook, where[0])
    hooks = [At(*where, act)] if stage else []
    disk = Disk() if stage else Deadly(*where, act)
    folder = tmp_path / 'run'
    statuses = [start(folder, interval, 9, hooks, disk, False)]
    resume = newest_valid(folder).path is not None
    statuses.append(start(folder, interval, 9, [], Disk(), resume))
    told = (folder / 'out').read_text()
    after_the_end = {0, -signal.SIGTERM}
    assert statuses[0] in {{'kill': -9, 'term': 143, 'error': 70}[end], *after_the_end}, told
    assert statuses[1] == 0, told
    assert outcome(folder) == undisturbed(interval, 9)
