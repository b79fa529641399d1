"""Shares of the data sets of a ``ConcatDataset`` in the stream of samples."""

from itertools import islice

import pytest
from torch.utils.data import ConcatDataset

from mmdeeplab.datasets.samplers import ResumableSampler
from mmdeeplab.errors import UserError

SIZES = (5, 13)


def stream(monkeypatch: pytest.MonkeyPatch, rank: int, ranks: int, skip: int = 0) -> list:
    """The first 120 samples of a rank, two of the first data set and one of the second in turn."""
    monkeypatch.setattr('mmdeeplab.datasets.samplers.get_dist_info', lambda: (rank, ranks))
    data = ConcatDataset([range(size) for size in SIZES])
    sampler = ResumableSampler(data, seed=1, shares=(2, 1))
    sampler.skip(skip)
    return list(islice(sampler, 120 - skip))


@pytest.mark.parametrize('ranks', [1, 2, 3])
def test_every_rank_gets_its_shares_and_every_image_equally_often(
    monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    found = [stream(monkeypatch, rank, ranks) for rank in range(ranks)]
    for samples in found:
        assert [sample >= 5 for sample in samples] == [False, False, True] * 40
    merged = [sample for step in zip(*found, strict=True) for sample in step]
    assert [sample.position for sample in merged] == list(range(120 * ranks))
    parts = [s for s in merged if s < 5], [s - 5 for s in merged if s >= 5]
    for samples, size in zip(parts, SIZES, strict=True):
        epochs = [samples[i : i + size] for i in range(0, len(samples) - size + 1, size)]
        assert len(epochs) > 2
        assert all(sorted(epoch) == list(range(size)) for epoch in epochs)
        assert epochs[0] != epochs[1]


def test_skipping_goes_on_where_the_stream_was(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = stream(monkeypatch, 1, 2)
    for skip in (1, 3, 59):
        rest = stream(monkeypatch, 1, 2, skip)
        assert [(int(s), s.position) for s in rest] == [(int(s), s.position) for s in whole[skip:]]


def test_without_shares_the_stream_is_one_permutation_an_epoch() -> None:
    data = ConcatDataset([range(size) for size in SIZES])
    one, two = (ResumableSampler(d, seed=1) for d in (data, range(18)))
    assert list(islice(one, 40)) == list(islice(two, 40))


@pytest.mark.parametrize(('sizes', 'shares'), [((0,), ()), ((5, 0), (1, 1))])
def test_data_without_a_sample_are_refused_at_once(sizes: tuple, shares: tuple) -> None:
    parts = [list(range(size)) for size in sizes]
    data = parts[0] if len(parts) == 1 else ConcatDataset(parts)
    with pytest.raises(UserError, match=f'{type(data).__name__} has no sample'):
        ResumableSampler(data, shares=shares)
