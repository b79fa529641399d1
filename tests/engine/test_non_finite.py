"""NaN and Inf are skipped, counted, and neither saved nor evaluated."""

import math
import multiprocessing
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from robustness import nonfinite
from robustness.tiny import fingerprint, tiny_runner
from torch import nn

from mmdeeplab.engine.optim.amp import AutocastOptimWrapper
from mmdeeplab.engine.optim.non_finite import guarded
from mmdeeplab.errors import UserError
from mmdeeplab.finite import (
    all_finite,
    broken,
    image_ids,
    require_finite_logits,
    require_finite_predictions,
)


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 1))


def step(model: nn.Module, wrapper: OptimWrapper, spoil: float = 0.0) -> None:
    with wrapper.optim_context(model):
        loss = model(torch.randn(2, 3, 4, 4)).square().mean() + spoil
    wrapper.update_params(loss)


@pytest.mark.parametrize('kind', [OptimWrapper, AutocastOptimWrapper])
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_skipped_step_leaves_no_trace(kind: type, value: float) -> None:
    model = network()
    wrapper = guarded(kind)(torch.optim.AdamW(model.parameters(), 0.1))
    step(model, wrapper)
    before = fingerprint([model.state_dict(), wrapper.state_dict()])
    step(model, wrapper, value)
    assert fingerprint([model.state_dict(), wrapper.state_dict()]) == before
    assert (wrapper.guard.skipped, wrapper.guard.in_a_row) == (1, 1)
    step(model, wrapper)
    assert fingerprint([model.state_dict(), wrapper.state_dict()]) != before
    assert (wrapper.guard.skipped, wrapper.guard.in_a_row) == (1, 0)


def test_the_guard_changes_no_bit() -> None:
    prints = []
    for kind in (OptimWrapper, guarded(OptimWrapper)):
        torch.manual_seed(0)
        model = network()
        wrapper = kind(
            torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), accumulative_counts=2
        )
        for _ in range(6):
            step(model, wrapper)
        prints.append(fingerprint([model.state_dict(), wrapper.state_dict()]))
    assert prints[0] == prints[1]


def test_one_bad_batch_spoils_its_accumulated_step_alone() -> None:
    model = network()
    wrapper = guarded(OptimWrapper)(torch.optim.SGD(model.parameters(), 0.1), accumulative_counts=3)
    before = model[0].weight.detach().clone()
    for spoil in (0.0, math.nan, 0.0):
        step(model, wrapper, spoil)
    assert torch.equal(model[0].weight, before)
    assert int(model[1].num_batches_tracked) == 2
    assert wrapper.guard.skipped == 1
    for _ in range(3):
        step(model, wrapper)
    assert not torch.equal(model[0].weight, before)
    assert not broken(model.state_dict())


def test_a_network_without_statistics_skips_too() -> None:
    model = nn.Conv2d(3, 1, 1)
    wrapper = guarded(OptimWrapper)(torch.optim.SGD(model.parameters(), 0.1))
    step(model, wrapper, math.nan)
    assert wrapper.guard.skipped == 1


def rank(number: int, store: str, answers: multiprocessing.Queue) -> None:
    torch.distributed.init_process_group('gloo', f'file://{store}', rank=number, world_size=2)
    model = network()
    wrapper = guarded(OptimWrapper)(torch.optim.SGD(model.parameters(), 0.1))
    before = fingerprint(model.state_dict())
    step(model, wrapper, math.nan if number else 0.0)
    answers.put((number, fingerprint(model.state_dict()) == before, wrapper.guard.what))


def test_all_ranks_skip_together(tmp_path: Path) -> None:
    if torch.cuda.is_initialized():
        pytest.skip('a process that has used a GPU cannot be forked')
    context = multiprocessing.get_context('fork')
    answers = context.Queue()
    jobs = [
        context.Process(target=rank, args=(i, str(tmp_path / 'store'), answers)) for i in (0, 1)
    ]
    for job in jobs:
        job.start()
    got = sorted(answers.get(timeout=60) for _ in jobs)
    for job in jobs:
        job.join()
    assert got == [(0, True, 'on another rank'), (1, True, 'in the loss (nan)')]


def test_runs_survive_or_stop(tmp_path: Path) -> None:
    random.seed(0)
    outcome = nonfinite.run(8, tmp_path)
    assert outcome.survived == outcome.tried == 8, outcome.failures


class Scaled(AmpOptimWrapper):
    """Float16's scaler around a step in float32, which a CPU can do."""

    optim_context = OptimWrapper.optim_context


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> Callable[..., OptimWrapper]:
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)

    def make(
        model: nn.Module, scale: dict | float = 4.0, fused: bool = False, **options: Any
    ) -> OptimWrapper:
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, fused=fused)
        fixed = isinstance(scale, float)
        scale = dict(device='cpu', **(dict(init_scale=scale) if fixed else scale))
        return guarded(Scaled)(loss_scale=scale, optimizer=optimizer, **options)

    return make


@pytest.mark.parametrize('clip', [None, dict(max_norm=1.0)])
@pytest.mark.parametrize('fused', [False, True])
def test_steps_that_the_scaler_skips_are_counted(
    scaled: Callable[..., OptimWrapper], fused: bool, clip: dict | None
) -> None:
    model = network()
    wrapper = scaled(model, fused=fused, clip_grad=clip, accumulative_counts=2)
    spoil = [0.0, math.nan, math.inf, 0.0, math.nan]
    now = [0.0]
    model[0].weight.register_hook(lambda grad: grad + now[0])
    seen = []
    for now[0] in spoil:
        for _ in range(2):
            step(model, wrapper)
        seen.append((wrapper.guard.skipped, wrapper.guard.in_a_row, wrapper.guard.overflow))
    assert seen == [
        *((0, 0, False), (1, 1, True), (2, 2, True), (2, 0, False), (3, 1, True)),
    ]
    assert not broken(model.state_dict())


@pytest.mark.parametrize(
    ('scale', 'stop'),
    # halved in each step: 1 is reached by step 5, before patience (3) by step 1; a fixed one stays
    [(dict(init_scale=32.0), 5), (dict(init_scale=2.0), 3), (512.0, 3)],
)
def test_float16_gradients_that_stay_nan_warn_and_stop(
    scale: dict | float, stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    on_cpu = partial(torch.amp.GradScaler, device='cpu')
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler', on_cpu)

    class Spoil(Hook):
        def before_train(self, runner: Runner) -> None:
            runner.model.conv.weight.register_hook(lambda grad: grad * math.nan)

    warned: list[str] = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text, *_: warned.append(text))
    wrapper = dict(type=Scaled, loss_scale=scale, optimizer=dict(type='SGD', lr=0.05, momentum=0.9))
    runner = tiny_runner(
        tmp_path, 30, hooks=[Spoil()], optim_wrapper=wrapper, cfg=dict(non_finite=dict(patience=3))
    )
    with pytest.raises(UserError, match=rf'stopped in step {stop} .*{stop} steps in a row'):
        runner.train()
    expected = ['step 3 is skipped: gradients are not finite in 3 steps in a row'] * (stop > 3)
    assert [text.partition(' (scale')[0] for text in warned if 'gradients' in text] == expected


def test_the_suite_notices_an_unguarded_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmdeeplab.engine import runner

    monkeypatch.setattr(runner, 'guarded', lambda kind: kind)
    assert nonfinite.attempt(tmp_path, 'loss', math.nan, 2, lasting=False)


def test_broken_tensors_are_named() -> None:
    large = torch.full((3,), 3e38)  # whose sum of squares is Inf
    tensors = dict(a=large, b=torch.tensor([1, math.nan]), c=torch.arange(3), d=torch.empty(0))
    assert broken(tensors) == ['b']
    assert all_finite([large, torch.ones(2)])
    assert not all_finite([large, tensors['b']])
    assert broken(dict(e=torch.tensor(-math.inf, dtype=torch.bfloat16))) == ['e']


def test_ids_of_a_batch() -> None:
    samples = [SegDataSample(metainfo=dict(img_path=f'/x/{name}.jpg')) for name in 'ab']
    batch = dict(inputs=[torch.ones(3), torch.tensor([math.inf])], data_samples=samples)
    assert image_ids(batch) == ['a', 'b']
    assert image_ids(batch, only_bad=True) == ['b']
    assert image_ids(dict(inputs=[torch.ones(3)])) == ['image 0']


def test_logits_that_are_not_finite_are_refused() -> None:
    sample = SegDataSample(metainfo=dict(img_path='/x/a.jpg'))
    logits = torch.zeros(3, 2, 2)
    logits[0] = -math.inf  # the logarithm of an impossible class
    sample.seg_logits = PixelData(data=logits)
    require_finite_predictions([sample])
    with pytest.raises(UserError, match=r'logits of /x/a\.jpg'):
        require_finite_logits(logits, sample)  # as they leave a network
    for value in (math.nan, math.inf):
        sample.seg_logits.data[1, 1, 1] = value
        with pytest.raises(UserError, match=r'logits of /x/a\.jpg'):
            require_finite_predictions([sample])
