"""Data order and augmentation that depend on the position in the stream alone."""

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
    """A stream of samples in which position p is a function of the seed and p.

    Epoch e is one permutation made of (seed, e); iteration i of all ranks together takes the
    positions ``i * global batch ...``, rank r every ``world size``-th from r. Resuming jumps to
    its position, and the samples' augmentation is drawn for (seed, position), so batches are the
    same with any number of worker processes.

    The stream has no end, as a run by iterations needs it; a run by epochs and an evaluation get
    one epoch at a time (``infinite=False``, which the runner sets for them).

    Args:
        dataset: What to sample.
        shuffle: In a new order each epoch.
        seed: The run's; drawn and shared by all ranks when None.
        infinite: Go on with the next epoch where one ends.
        drop_last: Of an epoch that ends, leave out what is not enough for every rank; else the
            ranks that lack a sample take one of the next epoch.
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
        """The indices (N) of the samples of one epoch, in their order."""
        if not self.shuffle:
            return torch.arange(self.size)
        generator = torch.Generator().manual_seed(derive('epoch', self.seed, epoch))
        return torch.randperm(self.size, generator=generator)

    def skip(self, num_samples: int) -> None:
        """Begin ``num_samples`` samples of this rank after the start of the run, or of the epoch.

        Of an epoch that ends, no more than it has.
        """
        self.start = num_samples if self.infinite else min(num_samples, len(self))

    def set_epoch(self, epoch: int) -> None:
        """Begin with this epoch, where the stream ends with each (``infinite=False``)."""
        if not self.infinite:
            self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        """Samples of the data set, of this rank where an epoch ends."""
        if self.infinite:
            return self.size
        return self.size // self.world_size if self.drop_last else -(-self.size // self.world_size)


class SeededDataset(Dataset):
    """A data set whose random transforms are drawn for the sample's position in the stream."""

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
