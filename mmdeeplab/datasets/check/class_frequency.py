"""How often each class occurs, and the weights that make up for it."""

from dataclasses import dataclass

import numpy as np

from mmdeeplab.config.class_weight import METHODS
from mmdeeplab.errors import choose


@dataclass
class PixelCounts:
    """Exact counts of one split.

    Attributes:
        images: Number of images, repeated ones counted again.
        pixels: (C,) int64, pixels of each class.
        present: (C,) int64, images in which each class occurs.
        where: (C,) int64, labelled pixels of the images in which each class occurs.
        void: Pixels of void.
    """

    images: int
    pixels: np.ndarray
    present: np.ndarray
    where: np.ndarray
    void: int

    @classmethod
    def zero(cls, classes: int) -> 'PixelCounts':
        pixels, present, where = np.zeros((3, classes), np.int64)
        return cls(0, pixels, present=present, where=where, void=0)

    def add(self, ids: dict[str, int], void: int) -> None:
        """Count one mask: pixels by id as text; ids outside the classes are left out."""
        pixels = np.array([ids.get(str(i), 0) for i in range(len(self.pixels))], np.int64)
        self.images += 1
        self.pixels += pixels
        self.present += pixels > 0
        self.where += (pixels > 0) * pixels.sum()
        self.void += ids.get(str(void), 0)

    def weights(self, method: str) -> list[float]:
        """One weight a class, by a key of :data:`METHODS`; 1 for classes that never occur."""
        choose('class_weight', method, tuple(METHODS))
        weights = np.ones(len(self.pixels))
        known = self.pixels > 0
        if known.any():
            weigh = median_frequency if method == 'auto' else effective_number
            weights[known] = weigh(self)[known]
        return [float(f'{weight:.4g}') for weight in weights]


def median_frequency(counts: PixelCounts) -> np.ndarray:
    """Median of the frequencies over the class's frequency (Eigen & Fergus, 1411.4734, 6.3.2).

    A class's frequency is its share of the labelled pixels of the images in which it occurs.
    """
    known = counts.pixels > 0
    frequency = counts.pixels / np.maximum(counts.where, 1)
    return np.median(frequency[known]) / np.where(known, frequency, 1)


def effective_number(counts: PixelCounts) -> np.ndarray:
    """(1 - b) / (1 - b^n), with mean 1 (Cui et al., 1901.05555, section 3 and equation 5).

    n counts the images with the class and b = 1 - 1 / images; among millions of pixels, which are
    anything but independent, all classes would weigh the same.
    """
    b = 1 - 1 / max(counts.images, 2)
    known = counts.present > 0
    weights = (1 - b) / (1 - b ** np.maximum(counts.present, 1))
    return weights / weights[known].mean()
