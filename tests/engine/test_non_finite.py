"""NaN and Inf are skipped, counted, and neither saved nor evaluated."""

import math
import multiprocessing
import random
from pathlib import Path

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from mmdeeplab.engine.amp import AutocastOptimWrapper
from mmdeeplab.engine.finite import all_finite, broken, ids, refuse, refuse_logits
from mmdeeplab.engine.non_finite import guarded
from mmdeeplab.errors import UserError
from mmdeeplab.torture import nonfinite
from mmdeeplab.torture.tiny import fingerprint


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
    assert ids(batch) == ['a', 'b']
    assert ids(batch, only_bad=True) == ['b']
    assert ids(dict(inputs=[torch.ones(3)])) == ['image 0']


def test_logits_that_are_not_finite_are_refused() -> None:
    sample = SegDataSample(metainfo=dict(img_path='/x/a.jpg'))
    logits = torch.zeros(3, 2, 2)
    logits[0] = -math.inf  # the logarithm of an impossible class
    sample.seg_logits = PixelData(data=logits)
    refuse_logits([sample])
    with pytest.raises(UserError, match=r'logits of /x/a\.jpg'):
        refuse(logits, sample)  # as they leave a network
    for value in (math.nan, math.inf):
        sample.seg_logits.data[1, 1, 1] = value
        with pytest.raises(UserError, match=r'logits of /x/a\.jpg'):
            refuse_logits([sample])
