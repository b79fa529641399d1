"""A data order and augmentation that a resumed run repeats exactly.

Both depend only on the seed and on the position of a sample in the stream of training samples.
"""

from collections.abc import Iterator, Sized
from itertools import islice
from typing import Any

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Dataset, Sampler

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

    Args:
        dataset: The data set to sample from.
        shuffle: Whether each epoch has a new random order.
        seed: Seed of the order; if None, one is drawn and shared by all ranks.
        infinite: Whether the next epoch follows where one ends.
        drop_last: If an epoch ends, leave out the last samples that do not suffice for every rank;
            otherwise the ranks that lack a sample take one of the next epoch.
    """

    def __init__(
        self,
        dataset: Sized,
        shuffle: bool = True,
        seed: int | None = None,
        infinite: bool = True,
        drop_last: bool = False,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.size, self.shuffle = len(dataset), shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.infinite, self.drop_last = infinite, drop_last
        self.epoch = self.start = 0

    def __iter__(self) -> Iterator[SampleIndex]:
        stream = self._stream(self.epoch * self.size + self.start * self.world_size + self.rank)
        return stream if self.infinite else islice(stream, len(self) - self.start)

    def _stream(self, position: int) -> Iterator[SampleIndex]:
        epoch, order = -1, [0]
        while True:
            if position // self.size != epoch:
                epoch = position // self.size
                order = self.order(epoch).tolist()
            yield SampleIndex(order[position % self.size], position, self.seed)
            position += self.world_size

    def order(self, epoch: int) -> torch.Tensor:
        """Indices (N,) into the data set, in the order of one epoch."""
        if not self.shuffle:
            return torch.arange(self.size)
        generator = torch.Generator().manual_seed(derive('epoch', self.seed, epoch))
        return torch.randperm(self.size, generator=generator)

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
