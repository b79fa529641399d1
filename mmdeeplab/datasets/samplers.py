"""A data order and augmentation that a resumed run repeats exactly.

Both depend only on the seed and on the position of a sample in the stream of training samples.
"""

from collections.abc import Iterator, Sequence, Sized
from itertools import islice
from typing import Any, NamedTuple

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Dataset, Sampler

from mmdeeplab.errors import UserError
from mmdeeplab.randomness import derive, seed_all
from mmdeeplab.registry import DATA_SAMPLERS


class SampleIndex(int):
    """An index into a data set that knows its position in the stream of samples."""

    position: int
    seed: int

    def __new__(cls, index: int, position: int = 0, seed: int = 0) -> 'SampleIndex':
        sample = super().__new__(cls, index)
        sample.position, sample.seed = position, seed
        return sample

    def __reduce__(self) -> tuple:
        return SampleIndex, (int(self), self.position, self.seed)


class Part(NamedTuple):
    """A data set inside a ``ConcatDataset``: its first index, its size, and its share."""

    start: int
    size: int
    share: int


def _parts(dataset: Sized, shares: Sequence[int]) -> list[Part]:
    if not shares:
        return [Part(0, len(dataset), 1)]
    ends = getattr(dataset, 'cumulative_sizes', [])
    if len(ends) != len(shares) or not all(isinstance(n, int) and n > 0 for n in shares):
        raise UserError(
            f'sampler.shares={shares} must be one whole number above 0 for each data set of a '
            f'ConcatDataset; there are {len(ends)}'
        )
    starts = [0, *ends[:-1]]
    return [Part(a, b - a, n) for a, b, n in zip(starts, ends, shares, strict=True)]


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """A sampler whose order depends only on the seed, so that a resumed run can jump into it.

    The samples form one stream, epoch after epoch; the order of epoch e is a permutation drawn from
    (seed, e). Iteration i of all ranks together takes the positions from ``i * global batch`` on;
    of these, rank r takes every ``world size``-th, beginning with the r-th. The augmentation of a
    sample is drawn from (seed, position) (:class:`SeededDataset`), so batches do not depend on the
    number of worker processes.

    The stream does not end, as training by iterations needs it. Training by epochs and evaluation
    get one epoch at a time; for them the runner sets ``infinite=False``.

    ``shares`` mixes the data sets of a ``ConcatDataset`` evenly: with ``(1, 1)`` samples of each
    rank are of the first and of the second in turn, so a batch of 8 has 4 of each, however many
    images each has. Every data set then has permutations of its own.

    Args:
        dataset: The data set to sample from.
        shuffle: Whether each epoch has a new random order.
        seed: Seed of the order; if None, one is drawn and shared by all ranks.
        infinite: Whether the next epoch follows where one ends.
        drop_last: If an epoch ends, leave out the last samples that do not suffice for every rank;
            otherwise the ranks that lack a sample take one of the next epoch.
        shares: For each data set of a ``ConcatDataset``, how many of its samples follow each other.

    Raises:
        UserError: ``shares`` is not a number above 0 for each data set, or one has no sample.
    """

    def __init__(
        self,
        dataset: Sized,
        shuffle: bool = True,
        seed: int | None = None,
        infinite: bool = True,
        drop_last: bool = False,
        shares: Sequence[int] = (),
    ) -> None:
        self.parts = _parts(dataset, shares)
        if not all(part.size for part in self.parts):
            raise UserError(
                f'{type(dataset).__name__} has no sample to draw'
                + (', or a part of it has none' if shares else '')
            )
        self.rank, self.world_size = get_dist_info()
        self.size, self.shuffle = len(dataset), shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.infinite, self.drop_last = infinite, drop_last
        self.epoch = self.start = 0

    def __iter__(self) -> Iterator[SampleIndex]:
        stream = self._stream(self.epoch * self.size + self.start * self.world_size + self.rank)
        return stream if self.infinite else islice(stream, len(self) - self.start)

    def _stream(self, position: int) -> Iterator[SampleIndex]:
        turns = [(part, turn) for part in self.parts for turn in range(part.share)]
        orders = {part: (-1, [0]) for part in self.parts}
        while True:
            count, rank = divmod(position, self.world_size)
            part, turn = turns[count % len(turns)]
            place = (count // len(turns) * part.share + turn) * self.world_size + rank
            epoch, index = divmod(place, part.size)
            if orders[part][0] != epoch:
                orders[part] = epoch, self.order(epoch, part).tolist()
            yield SampleIndex(part.start + orders[part][1][index], position, self.seed)
            position += self.world_size

    def order(self, epoch: int, part: Part | None = None) -> torch.Tensor:
        """Indices (N,) into the data set, or into a part of it, in the order of one epoch."""
        part = part or self.parts[0]
        if not self.shuffle:
            return torch.arange(part.size)
        part_seed = [part.start] if part.start else []
        generator = torch.Generator().manual_seed(derive('epoch', self.seed, epoch, *part_seed))
        return torch.randperm(part.size, generator=generator)

    def skip(self, num_samples: int) -> None:
        """Skip samples of this rank, counted from the start of the run, or of a single epoch.

        In an epoch that ends, at most all of its samples are skipped.
        """
        self.start = num_samples if self.infinite else min(num_samples, len(self))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is sampled next, if the stream is a single epoch."""
        if not self.infinite:
            self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        """Number of samples of the data set; with ``infinite=False`` those of this rank."""
        if self.infinite:
            return self.size
        return self.size // self.world_size if self.drop_last else -(-self.size // self.world_size)


class SeededDataset(Dataset):
    """Wraps a data set: seeds the random transforms of a sample by its position in the stream."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, SampleIndex):
            seed_all(derive('sample', index.seed, index.position))
        return self.dataset[int(index)]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset':  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.dataset, name)
