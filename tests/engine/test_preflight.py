"""What would fail after hours fails before the first step, and nothing else changes."""

import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from robustness.tiny import BATCH, Noise, Toy, Trace, fingerprint, run_state, tiny_runner
from torch.utils.data import BatchSampler, Sampler

from mmdeeplab.engine.hooks import preflight
from mmdeeplab.engine.hooks.preflight import PreflightHook
from mmdeeplab.errors import UserError

ITERS = 4


def best(key: str) -> dict:
    hook = dict(
        type='mmdeeplab.CheckpointHook', by_epoch=False, interval=2, save_best=key, rule='greater'
    )
    return dict(checkpoint=hook, logger=dict(type='LoggerHook', interval=10**9))


def test_a_run_gives_the_same_bits_with_it_and_without(tmp_path: Path) -> None:
    prints = []
    for name, hooks in (('without', []), ('with', [PreflightHook()])):
        trace = Trace()
        torch.manual_seed(5)
        runner = tiny_runner(tmp_path / name, ITERS, validate=2, hooks=[trace, *hooks])
        runner.train()
        prints.append([trace.steps, fingerprint(run_state(runner))])
    assert len(prints[0][0]) == ITERS
    assert prints[0] == prints[1]


def test_everything_is_put_back(tmp_path: Path) -> None:
    runner = tiny_runner(tmp_path, ITERS, cfg=dict(bn_policy='train'))

    def state() -> list:
        drawn = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
        gradients = [p.grad for p in runner.model.parameters()]
        modes = [module.training for module in runner.model.modules()]
        return [drawn, gradients, modes, runner.model.state_dict()]

    before = fingerprint(state())
    with preflight.unchanged(runner):
        runner.model.eval()
        runner.model.norm.running_mean += 1
        for p in runner.model.parameters():
            p.grad = torch.ones_like(p)
        random.random(), np.random.rand(), torch.rand(1)
        assert fingerprint(state()) != before
    assert fingerprint(state()) == before


def test_it_says_what_it_did_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = tiny_runner(tmp_path, ITERS, validate=2, hooks=[PreflightHook()])
    said: list[str] = []
    monkeypatch.setattr(runner.logger, 'info', lambda text, *_: said.append(str(text)))
    runner.train()
    (line,) = [text for text in said if text.startswith('preflight')]
    assert line.startswith('preflight: a training batch of 4, an evaluated one, a checkpoint of')
    assert not (tmp_path / preflight.FOLDER).exists()


class Misshapen(Toy):
    """Its training works, its evaluation does not."""

    def __init__(self, words: str = '') -> None:
        super().__init__()
        self.words = words

    def forward(self, inputs: Any, label: Any, mode: str = 'loss') -> Any:
        if mode == 'predict':
            raise RuntimeError(f'shapes (3, 4) and (5, 6) {self.words}')
        return super().forward(inputs, label, mode)


class Overflowing(Toy):
    """Its loss is NaN."""

    def forward(self, inputs: Any, label: Any, mode: str = 'loss') -> Any:
        return dict(loss=super().forward(inputs, label, mode)['loss'] * float('nan'))


LOADER = dict(batch_size=64, dataset=Noise(), drop_last=True, sampler=dict(type='DefaultSampler'))
LOADER['collate_fn'] = dict(type='default_collate')


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (
            dict(cfg=dict(optim_wrapper=dict(paramwise_cfg=dict(custom_keys=dict(linaer=1))))),
            'did you mean linear',
        ),
        (dict(default_hooks=best('toy/cuont')), 'did you mean toy/count'),
        (dict(model=Misshapen()), r'RuntimeError: shapes .*preflight\.txt'),
        (dict(model=Misshapen('\udcff')), r'RuntimeError: shapes .*preflight\.txt'),  # of a path
        (dict(model=Overflowing()), 'has loss nan'),
        (dict(train_dataloader=LOADER), 'make no batch'),
        (dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=0, val_interval=2)), 'at least'),
        (dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=4, val_interval=0)), 'at least'),
    ],
)
def test_mistakes_are_found_before_the_first_step(
    tmp_path: Path, options: dict, words: str
) -> None:
    trace = Trace()
    hooks = [PreflightHook(), trace]
    with pytest.raises(UserError, match=words):
        tiny_runner(tmp_path, ITERS, validate=2, hooks=hooks, **options).train()
    assert not trace.steps
    assert not list(tmp_path.glob('iter_*'))


class Pooled(Toy):
    """Its norm is over single values of each image, so it needs two images."""

    def forward(self, inputs: Any, label: Any, mode: str = 'loss') -> Any:
        mean = torch.stack(list(inputs)).mean((2, 3), keepdim=True)
        scores = self.linear(self.norm(mean.expand(-1, -1, 1, 1)[:, [0, 1, 2, 0]]).flatten(1))
        return dict(loss=torch.nn.functional.cross_entropy(scores, torch.as_tensor(label)))


def test_a_last_batch_of_one_image_is_tried(tmp_path: Path) -> None:
    loader = {**LOADER, 'batch_size': BATCH, 'drop_last': False}  # 37 images
    loop = dict(type='EpochBasedTrainLoop', max_epochs=1)
    runner = tiny_runner(
        tmp_path, ITERS, hooks=[PreflightHook()], model=Pooled(), train_dataloader=loader,
        train_cfg=loop, param_scheduler=None, cfg=dict(bn_policy='train'),
    )  # fmt: skip
    with pytest.raises(UserError, match='drop_last=True'):
        runner.train()


class Batches(Sampler):
    """A batch sampler that does not tell its size."""

    def __init__(self, sampler: Sampler, batch_size: int) -> None:
        self.sampler = sampler
        self.plain = BatchSampler(sampler, batch_size, True)

    def __iter__(self) -> Any:
        return iter(self.plain)

    def __len__(self) -> int:
        return len(self.plain)


@pytest.mark.parametrize(
    ('batches', 'words'),
    [
        (dict(type=BatchSampler, drop_last=True), f'preflight: a training batch of {BATCH}'),
        (dict(type=BatchSampler, drop_last=False), 'drop_last=True'),  # a last batch of 1
        (dict(type=Batches), 'preflight: a training batch of 2'),
    ],
)
def test_a_batch_sampler_has_its_own_batch(tmp_path: Path, batches: dict, words: str) -> None:
    loader = {**LOADER, 'batch_size': BATCH, 'batch_sampler': batches}
    del loader['drop_last']
    runner = tiny_runner(
        tmp_path, ITERS, hooks=[PreflightHook()], model=Pooled(), train_dataloader=loader,
        cfg=dict(bn_policy='train'),
    )  # fmt: skip
    if 'preflight' not in words:
        with pytest.raises(UserError, match=words):
            runner.train()
        return
    told: list[str] = []
    runner.logger.info = lambda text, *_: told.append(str(text))  # type: ignore[method-assign]
    runner.train()
    assert [text for text in told if text.startswith(words)]


def test_an_evaluation_that_never_comes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = tiny_runner(tmp_path, ITERS, validate=9, hooks=[PreflightHook()])
    said: list[str] = []
    monkeypatch.setattr(runner.logger, 'warning', lambda text, *_: said.append(str(text)))
    runner.train()
    assert any('no evaluation before the end' in text for text in said)
    assert logging.getLogger().manager.disable == 0
