"""Parameters of a miniature data set; light enough for a command's help."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdeeplab.datasets.mini_voc.scene import DrawnImage

GENERATION = 1
"""Raise it with every change of what is drawn, so that old sets are not taken for new ones."""

MIN_SIZE = 48
NAME_STEM = '2026_'


class NotEmptyError(Exception):
    """The output folder holds something else than the data set asked for."""


@dataclass(frozen=True)
class MiniVoc:
    """Parameters of a miniature data set.

    Attributes:
        train: Number of training images, at least 1.
        val: Number of validation images, at least 1; from 10 on every class is among them.
        size: Long side of the images in pixels; the short one varies from 3/4 of it up.
        seed: Seed of all drawing, not negative.
    """

    train: int = 600
    val: int = 60
    size: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if self.train < 1 or self.val < 1:
            raise ValueError(f'train and val must be at least 1, got {self.train} and {self.val}')
        if self.size < MIN_SIZE:
            raise ValueError(f'size must be at least {MIN_SIZE} pixels, got {self.size}')
        if self.seed < 0:
            raise ValueError(f'seed must not be negative, got {self.seed}')

    @property
    def names(self) -> dict[str, list[str]]:
        """Image names, without suffix, of each split."""
        names = [f'{NAME_STEM}{number:06d}' for number in range(1, self.train + self.val + 1)]
        return {'train': names[: self.train], 'val': names[self.train :]}

    @property
    def stamp(self) -> str:
        """JSON text that marks a complete data set of these parameters."""
        return json.dumps({'generation': GENERATION, **asdict(self)}, indent=2) + '\n'

    def samples(self) -> Iterator[tuple[str, 'DrawnImage']]:
        """Draw all images in order; yields name and sample."""
        from mmdeeplab.datasets.mini_voc.scene import draw_sample

        for split, names in enumerate(self.names.values()):
            for index, name in enumerate(names):
                yield name, draw_sample(self.seed, split, index, self.size)
