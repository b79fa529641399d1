"""How often each class occurs, and class weights that compensate for it."""

from dataclasses import dataclass

import numpy as np

from mmdeeplab.config.class_weight import METHODS
from mmdeeplab.errors import choose


@dataclass
class PixelCounts:
    """Counts of the images and pixels of one split.

    Attributes:
        images: Number of images; an image that the list repeats counts each time.
        pixels: (C,) int64, number of pixels of each class.
        present: (C,) int64, number of images in which each class occurs.
        where: (C,) int64, for each class the number of labelled pixels of all images in which it
            occurs.
        void: Number of void pixels.
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
        """Add one mask, given by its numbers of pixels; ids that are no class are left out."""
        pixels = np.array([ids.get(str(i), 0) for i in range(len(self.pixels))], np.int64)
        self.images += 1
        self.pixels += pixels
        self.present += pixels > 0
        self.where += (pixels > 0) * pixels.sum()
        self.void += ids.get(str(void), 0)

    def weights(self, method: str) -> list[float]:
        """Class weights (C) by a method of :data:`METHODS`; 1 for classes that never occur."""
        choose('class_weight', method, tuple(METHODS))
        weights = np.ones(len(self.pixels))
        occurring = self.pixels > 0
        if occurring.any():
            weigh = median_frequency if method == 'auto' else effective_number
            weights[occurring] = weigh(self)[occurring]
        return [float(f'{weight:.4g}') for weight in weights]


def median_frequency(counts: PixelCounts) -> np.ndarray:
    """Weight of a class: the median of all frequencies divided by its own.

    The frequency of a class is its share of the labelled pixels of the images in which it occurs.
    Source: Eigen and Fergus, arXiv 1411.4734, section 6.3.2.
    """
    occurring = counts.pixels > 0
    frequency = counts.pixels / np.maximum(counts.where, 1)
    return np.median(frequency[occurring]) / np.where(occurring, frequency, 1)


def effective_number(counts: PixelCounts) -> np.ndarray:
    """Weight of a class: (1 - b) / (1 - b^n), scaled so that the mean over the classes is 1.

    n is the number of images with the class and b = 1 - 1 / images. Images are counted and not
    pixels: with n in the millions all classes would get the same weight.
    Source: Cui et al., arXiv 1901.05555, section 3 and equation 5.
    """
    b = 1 - 1 / max(counts.images, 2)
    occurring = counts.present > 0
    weights = (1 - b) / (1 - b ** np.maximum(counts.present, 1))
    return weights / weights[occurring].mean()
