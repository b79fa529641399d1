"""Data loading processes that die, hang or lack something: one sentence, and nothing is lost."""

import errno
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from robustness.tiny import Count, Noise, Trace, tiny_runner
from torch.utils.data import get_worker_info

from mmdeeplab.engine.lost_worker import explain
from mmdeeplab.engine.runner import DeepLabRunner
from mmdeeplab.errors import UserError


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


FAULTS: dict[str, tuple[Callable[[], object], str]] = {
    'killed': (lambda: os.kill(os.getpid(), signal.SIGKILL), 'the memory ran out: lower'),
    'bus error': (lambda: os.kill(os.getpid(), signal.SIGBUS), 'shared memory is full'),
    'no memory': (raising(MemoryError()), 'the memory ran out: lower'),
    'no files': (raising(OSError(errno.EMFILE, 'Too many open files')), 'raise it (ulimit -n'),
    'hangs': (lambda: time.sleep(20), 'timeout=1 seconds: a disk that hangs'),
    'leaves': (lambda: os._exit(3), 'a process that loads data ended ('),
}


class Faulty(Noise):
    """A process that loads it meets its fate after so many samples."""

    def __init__(self, fate: Callable[[], object], samples: int) -> None:
        self.fate, self.left = fate, samples

    def __getitem__(self, index: int) -> dict:
        self.left -= 1
        if self.left < 0 and get_worker_info() is not None:
            self.fate()
        return super().__getitem__(index)


def loader(dataset: Noise, sampler: str = 'mmdeeplab.ResumableSampler', **options: Any) -> dict:
    return dict(
        batch_size=4,
        num_workers=1,
        prefetch_factor=2,
        dataset=dataset,
        sampler=dict(type=sampler),
        collate_fn=dict(type='default_collate'),
        **options,
    )


def test_one_key_switches_the_workers_off() -> None:
    """What the sentences advise; the bases set the other keys."""
    given = loader(Noise(), 'DefaultSampler', persistent_workers=True) | dict(num_workers=0)
    built = DeepLabRunner.build_dataloader(given)
    assert (built.num_workers, built.persistent_workers) == (0, False)
    assert len(next(iter(built))['inputs']) == 4


def undisturbed(folder: Path, iters: int, **options: Any) -> dict[int, str]:
    trace = Trace()
    tiny_runner(folder, iters, interval=10**6, hooks=[trace], **options).train()
    return trace.steps


def sentence_of(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize('name', FAULTS)
def test_training_is_saved_and_goes_on(tmp_path: Path, name: str) -> None:
    fate, words = FAULTS[name]
    data = loader(Faulty(fate, 4 * 4), timeout=1 if name == 'hangs' else 0)
    runner = tiny_runner(tmp_path / 'run', 8, interval=10**6, train_dataloader=data)
    said = sentence_of(runner.train)
    assert words in said
    assert 'train_dataloader.num_workers' in said or name == 'hangs'
    (done,) = map(int, re.findall(r'; iteration (\d+) is saved, go on with --resume', said))
    assert 1 <= done <= 4
    trace = Trace()
    tiny_runner(tmp_path / 'run', 8, resume=True, hooks=[trace]).train()
    expected = undisturbed(tmp_path / 'whole', 8)
    assert trace.steps == {step: expected[step] for step in range(done + 1, 9)}


def test_validation_leaves_the_networks_own_weights(tmp_path: Path) -> None:
    data = loader(Faulty(FAULTS['killed'][0], 4), 'DefaultSampler')
    runner = tiny_runner(tmp_path / 'run', 6, interval=10**6, validate=3, val_dataloader=data)
    said = sentence_of(runner.train)
    assert 'val_dataloader.num_workers (now 1), val_dataloader.batch_size (4)' in said
    assert 'iteration 3 is saved' in said
    trace = Trace()
    tiny_runner(tmp_path / 'run', 6, resume=True, hooks=[trace], validate=3).train()
    expected = undisturbed(tmp_path / 'whole', 6, validate=3)
    assert trace.steps == {step: expected[step] for step in (4, 5, 6)}


@pytest.mark.parametrize('split', ['val', 'test'])
def test_evaluation_names_its_own_keys(tmp_path: Path, split: str) -> None:
    data = loader(Faulty(FAULTS['no memory'][0], 4), 'DefaultSampler')
    options = {
        f'{split}_dataloader': data,
        f'{split}_evaluator': [Count(prefix='toy')],
        f'{split}_cfg': dict(),
    }
    runner = tiny_runner(tmp_path, 2, **options)
    said = sentence_of(getattr(runner, split))
    assert f'{split}_dataloader.num_workers (now 1)' in said
    assert 'saved' not in said


def test_other_errors_of_a_worker_stay_what_they_are(tmp_path: Path) -> None:
    data = loader(Faulty(raising(RuntimeError('shapes differ')), 4))
    with pytest.raises(RuntimeError, match='shapes differ'):
        tiny_runner(tmp_path, 8, train_dataloader=data).train()


TEXTS = [
    ('RuntimeError: unable to open shared memory object </torch_1> in read-write mode', 'shm'),
    ('RuntimeError: unable to mmap 1234 bytes: Cannot allocate memory (12)', 'memory ran out'),
    ('OSError: [Errno 12] Cannot allocate memory', 'memory ran out'),
    ('RuntimeError: received 0 items of ancdata', 'ulimit -n'),
    ('RuntimeError: unable to write to file </torch_1>: No space left on device (28) shm', 'shm'),
    ('error: (-4:Insufficient memory) Failed to allocate 9 bytes', 'memory ran out'),
    ('RuntimeError: DataLoader worker (pid 7) is killed by signal: Segmentation fault', 'pid 7'),
    ('ValueError: a crop of no size', ''),
]


@pytest.mark.parametrize(('text', 'words'), TEXTS)
def test_what_systems_say(text: str, words: str) -> None:
    batches = SimpleNamespace(batch_size=16)
    fake = SimpleNamespace(
        num_workers=4, batch_size=None, batch_sampler=batches, prefetch_factor=2, timeout=0
    )
    said = explain(text, 'train_dataloader', fake)
    assert (words in said) if words else said == ''
