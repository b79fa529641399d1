"""Training by iterations and by epochs: every run ends, and goes on exactly where it was left."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine.hooks import Hook
from mmengine.registry import DATA_SAMPLERS
from mmengine.runner import Runner
from robustness.tiny import BATCH, SIZE, Count, Noise, Trace, in_child, on_ranks, tiny_runner
from torch.utils.data import Sampler

from mmdeeplab.checkpoint.find import newest_valid
from mmdeeplab.checkpoint.store import load
from mmdeeplab.config.load import load_config
from mmdeeplab.config.loops import choose_loop
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.datasets.samplers import ResumableSampler
from mmdeeplab.errors import UserError

EPOCHS, STEPS = 3, SIZE // BATCH
HOOK = dict(type='mmdeeplab.CheckpointHook', max_keep_ckpts=9)
BY_EPOCH = dict(type='EpochBasedTrainLoop', max_epochs=EPOCHS)
BY_ITER = dict(type='IterBasedTrainLoop', max_iters=EPOCHS * STEPS, val_interval=STEPS)


@DATA_SAMPLERS.register_module()
class ForEver(Sampler):
    """A user's own, which does not end."""

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        self.size = len(dataset)

    def __iter__(self) -> Iterator[int]:
        while True:
            yield from range(self.size)

    def __len__(self) -> int:
        return self.size


@DATA_SAMPLERS.register_module()
class Backwards(ForEver):
    """A user's own, which ends."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size - 1, -1, -1))


@DATA_SAMPLERS.register_module()
class Unmeasured(Sampler):
    """A user's own, without a length."""

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        self.size = len(dataset)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size))


class Rates(Hook):
    """The learning rate of every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.rates.append(runner.optim_wrapper.get_lr()['lr'][0])


class Remembering(Noise):
    """Noise that knows what was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __getitem__(self, index: int) -> dict:
        self.asked.append(index)
        return super().__getitem__(index)


def loader(sampler: Any, **options: Any) -> dict:
    if isinstance(sampler, str):
        sampler = dict(type=sampler)
    data = dict(batch_size=BATCH, dataset=Noise(), collate_fn=dict(type='default_collate'))
    return data | dict(sampler=sampler) | options


def by_epochs(folder: Path, **options: Any) -> Runner:
    """The toy's run by epochs, with a schedule that ends with the run."""
    more = dict(
        train_cfg=BY_EPOCH,
        param_scheduler=[dict(type='PolyLR', power=0.9, by_epoch=False)],
        default_hooks=dict(checkpoint=HOOK, logger=dict(type='LoggerHook', interval=10**9)),
    )
    return tiny_runner(folder, 0, **more | options)


ENDS = {
    'mmdeeplab.ResumableSampler': '',
    'DefaultSampler': '',
    'Backwards': '',
    'InfiniteSampler': 'InfiniteSampler does not end',
    'ForEver': 'ForEver does not end',
    'Unmeasured': "(Unmeasured has no length|type 'Unmeasured' has no len)",
}


@pytest.mark.parametrize('sampler', [*ENDS, None])
@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_every_sampler_ends_in_every_loop_or_is_refused_by_name(
    tmp_path: Path, split: str, sampler: str | None
) -> None:
    options: dict = {f'{split}_dataloader': loader(sampler)}
    if split != 'train':
        options |= {f'{split}_evaluator': [Count(prefix='toy')], f'{split}_cfg': dict()}
    options['train_cfg'] = dict(by_epoch=True, max_epochs=2)
    trace = Trace()
    runner = by_epochs(tmp_path, hooks=[trace], **options)
    act = runner.test if split == 'test' else runner.train
    if words := ENDS.get(str(sampler), ''):
        with pytest.raises(UserError, match=rf'{split}_dataloader.*{words}'):
            act()
        assert not trace.steps
        return
    scores = act()
    if split == 'test':
        assert scores == {'toy/count': SIZE}
    else:
        assert len(trace.steps) == 2 * STEPS
        assert runner.epoch == 2


@pytest.mark.parametrize('sampler', ['mmdeeplab.ResumableSampler', 'InfiniteSampler', 'ForEver'])
def test_runs_by_iterations_take_samplers_without_an_end(tmp_path: Path, sampler: str) -> None:
    runner = tiny_runner(tmp_path, STEPS + 2, train_dataloader=loader(sampler))
    runner.train()
    assert runner.iter == STEPS + 2


@pytest.mark.parametrize('loop', [BY_EPOCH, BY_ITER], ids=['epochs', 'iterations'])
def test_every_rank_has_a_share_of_its_own(tmp_path: Path, loop: dict) -> None:
    def work() -> None:
        data = loader(None)
        by_epochs(tmp_path, launcher='pytorch', train_cfg=loop, train_dataloader=data).train()

    log = tmp_path / 'log'
    assert on_ranks(work, 2, log) == [2, 2], log.read_text()
    assert 'train_dataloader.sampler: each of 2 processes would get every image' in log.read_text()


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_a_loader_without_a_sampler_is_named(tmp_path: Path, split: str) -> None:
    wrong = loader(None)
    wrong.pop('sampler')
    options: dict = {f'{split}_dataloader': wrong}
    if split != 'train':
        options |= {f'{split}_evaluator': [Count(prefix='toy')], f'{split}_cfg': dict()}
    runner = by_epochs(tmp_path, **options)
    with pytest.raises(UserError, match=f'{split}_dataloader has no sampler'):
        (runner.test if split == 'test' else runner.train)()


@pytest.mark.parametrize('drop_last', [True, False])
def test_an_epoch_is_a_permutation(tmp_path: Path, drop_last: bool) -> None:
    dataset, rates = Remembering(), Rates()
    data = loader('mmdeeplab.ResumableSampler', dataset=dataset, drop_last=drop_last)
    runner = by_epochs(tmp_path, hooks=[rates], train_dataloader=data)
    runner.train()
    steps = EPOCHS * (STEPS if drop_last else STEPS + 1)
    rate = [0.05 * (1 - i / (steps - 1)) ** 0.9 for i in range(steps)]
    assert rates.rates == pytest.approx(rate)
    images = STEPS * BATCH if drop_last else SIZE
    asked = runner.train_dataloader.dataset.asked  # its copy
    assert len(asked) == EPOCHS * images
    orders = [asked[start : start + images] for start in range(0, len(asked), images)]
    assert all(len(set(order)) == images for order in orders)
    assert orders[0] != orders[1]


@pytest.mark.parametrize('drop_last', [True, False])
@pytest.mark.parametrize('size', [*range(1, 14), 37, 39])
@pytest.mark.parametrize('ranks', [1, 2, 3])
def test_ranks_share_an_epoch(
    monkeypatch: pytest.MonkeyPatch, size: int, ranks: int, drop_last: bool
) -> None:
    shares, places = [], []
    for rank in range(ranks):
        monkeypatch.setattr('mmdeeplab.datasets.samplers.get_dist_info', lambda r=rank: (r, ranks))
        sampler = ResumableSampler(range(size), seed=1, infinite=False, drop_last=drop_last)
        sampler.set_epoch(2)
        shares.append(list(sampler))
        places += [place.position for place in shares[-1]]
        assert len(shares[-1]) == len(sampler)
        sampler.skip(1)
        assert list(sampler) == shares[-1][1:]
    assert len({len(share) for share in shares}) == 1
    assert sorted(places) == list(range(2 * size, 2 * size + len(places)))
    images = {int(place) for share in shares for place in share}
    assert len(images) >= (size // ranks * ranks if drop_last else size)
    assert len(places) - size < ranks


class StopAndTrace:
    """Runs that may stop at an iteration, and what each step of them left."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.options = folder, options

    def __call__(self, name: str, stop: int = 0, ranks: int = 1, **more: Any) -> list[int]:
        """Exit statuses of the ranks."""

        def work() -> None:
            trace = Trace(stop)
            launcher = 'pytorch' if ranks > 1 else 'none'
            options = self.options | more | dict(launcher=launcher)
            runner = by_epochs(self.folder / name, hooks=[trace], **options)
            try:
                runner.train()
            finally:
                suffix = 'resumed' if more.get('resume') else 'first'
                (self.folder / f'{name}-{runner.rank}-{suffix}').write_text(json.dumps(trace.steps))

        return on_ranks(work, ranks) if ranks > 1 else [in_child(work)]

    def steps(self, name: str, suffix: str, rank: int = 0) -> dict[str, str]:
        return json.loads((self.folder / f'{name}-{rank}-{suffix}').read_text())


VALIDATE = dict(
    val_dataloader=loader('DefaultSampler'), val_evaluator=[Count(prefix='toy')], val_cfg=dict()
)


@pytest.mark.parametrize(
    ('by_epoch', 'workers', 'ranks'),
    [(None, (0, 2), 1), (False, (2, 0), 1), (None, (0, 0), 2)],
)
def test_a_run_by_epochs_left_anywhere_goes_on_bit_for_bit(
    tmp_path: Path, by_epoch: bool | None, workers: tuple[int, int], ranks: int
) -> None:
    hook = HOOK | dict(by_epoch=by_epoch, interval=1 if by_epoch is None else 5)
    hooks = dict(checkpoint=hook, logger=dict(type='LoggerHook', interval=10**9))
    run = StopAndTrace(tmp_path, default_hooks=hooks, **VALIDATE)
    data = [loader('mmdeeplab.ResumableSampler', num_workers=n, drop_last=True) for n in workers]
    assert run('whole', ranks=ranks) == [0] * ranks
    # within an epoch, at its last step, at its first, and in the last epoch
    for stop in (6,) if ranks > 1 else (4, STEPS, STEPS + 1, EPOCHS * STEPS - 1):
        name = f'stopped{stop}'
        first = dict(stop=stop, ranks=ranks, train_dataloader=data[0])
        assert run(name, **first) == [143] * ranks
        assert newest_valid(tmp_path / name).path == tmp_path / name / f'iter_{stop}.safetensors'
        assert run(name, ranks=ranks, resume=True, train_dataloader=data[1]) == [0] * ranks
        for rank in range(ranks):
            whole = run.steps('whole', 'first', rank)
            assert len(whole) == EPOCHS * (SIZE // (BATCH * ranks))
            parts = run.steps(name, 'first', rank), run.steps(name, 'resumed', rank)
            assert [len(part) for part in parts] == [stop, len(whole) - stop]
            assert parts[0] | parts[1] == whole


def test_files_count_epochs_and_are_found(tmp_path: Path) -> None:
    by_epochs(tmp_path, **VALIDATE).train()
    names = sorted(path.name for path in tmp_path.glob('*.safetensors'))
    assert names == [f'epoch_{n}.safetensors' for n in (1, 2, 3)]
    assert newest_valid(tmp_path).path == tmp_path / 'epoch_3.safetensors'
    meta = load(tmp_path / 'epoch_2.safetensors')['meta']
    assert (meta['epoch'], meta['iter']) == (2, 2 * STEPS)
    again = by_epochs(tmp_path, resume=True, train_cfg=BY_EPOCH | dict(max_epochs=4))
    again.train()
    assert (again.epoch, again.iter) == (4, 4 * STEPS)


@pytest.mark.parametrize(
    ('before', 'after', 'batch', 'start'),
    [
        (BY_EPOCH, BY_ITER | dict(max_iters=40), BATCH, (0, 27)),
        (BY_ITER, BY_EPOCH | dict(max_epochs=5), BATCH, (3, 27)),
        (BY_EPOCH, BY_EPOCH | dict(max_epochs=4), 2 * BATCH, (3, 12)),
        (BY_EPOCH, BY_EPOCH | dict(max_epochs=4), BATCH // 2, (3, 54)),
    ],
)
def test_a_run_goes_on_with_another_loop_or_batch(
    tmp_path: Path, before: dict, after: dict, batch: int, start: tuple
) -> None:
    by_epochs(tmp_path, train_cfg=before).train()
    places: list = []

    class Start(Hook):
        def before_train(self, runner: Runner) -> None:
            places.append((runner.epoch, runner.iter))

    data = loader('mmdeeplab.ResumableSampler', batch_size=batch)
    runner = by_epochs(
        tmp_path, train_cfg=after, resume=True, train_dataloader=data, hooks=[Start()]
    )
    runner.train()
    assert places == [start]
    assert runner.iter == runner.max_iters


BASE = dict(type='IterBasedTrainLoop', max_iters=30000, val_interval=3000)


@pytest.mark.parametrize(
    ('given', 'loop'),
    [
        (BASE, BASE),
        (dict(max_iters=9), dict(type='IterBasedTrainLoop', max_iters=9)),
        (dict(max_epochs=9), dict(type='EpochBasedTrainLoop', max_epochs=9)),
        (BASE | dict(by_epoch=False), BASE),
        (BASE | dict(by_epoch=True, max_epochs=3), dict(BY_EPOCH, max_epochs=3)),
        (
            BASE | dict(by_epoch=True, max_epochs=30, val_interval=5),
            dict(BY_EPOCH, max_epochs=30, val_interval=5),
        ),
        (BASE | dict(max_epochs=3), 'write for epochs'),
        (BASE | dict(type='EpochBasedTrainLoop'), 'write for epochs'),
        (BASE | dict(type='EpochBasedTrainLoop', max_epochs=3), 'max_epochs=3 and max_iters=30000'),
        (BASE | dict(by_epoch=True), 'by_epoch=True and max_iters=30000'),
        (dict(by_epoch='yes', max_epochs=3), "True or False, got 'yes'"),
        (dict(type='EpochBasedTrainLoop'), 'no length'),
        *((dict(BY_EPOCH, max_epochs=n), f'at least 1, got {n}') for n in (0, -1, 1.5, 'x', [2])),
        *((dict(BASE, max_iters=n), f'at least 1, got {n}') for n in (0, -3, 0.5)),
        *((dict(BASE, val_interval=n), f'val_interval .* got {n}') for n in (0, -3, 0.5)),
        (dict(type='EpochBasedTrainLop', max_epochs=1), 'did you mean EpochBasedTrainLoop'),
    ],
    ids=str,
)
def test_one_loop_one_length(given: dict, loop: dict | str) -> None:
    if isinstance(loop, dict):
        assert choose_loop(given) == loop
        return
    with pytest.raises(UserError, match=loop.replace('[', r'\[')):
        choose_loop(given)


def test_without_a_type_two_lengths_are_refused(tmp_path: Path) -> None:
    base, child = tmp_path / 'base.py', tmp_path / 'child.py'
    base.write_text('train_cfg = dict(max_iters=200)\n')
    child.write_text("_base_ = 'base.py'\ntrain_cfg = dict(max_epochs=3)\nload_from = None\n")
    for options in ([], ['load_from=None']):
        with pytest.raises(UserError, match='max_epochs=3 and max_iters=200; write for epochs'):
            load_config(str(child), ConfigOptions(cfg_options=options))
