"""Spatial pyramid matching: histograms of visual words, the ancestor of the pooling pyramid.

Source: Lazebnik, Schmid and Ponce, "Beyond bags of features" (CVPR 2006), equations 2 and 3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def histogram_pyramid(assignments: Tensor, num_words: int, levels: int) -> list[Tensor]:
    """Count visual words in ever finer cells.

    Args:
        assignments: (N, H, W), the word of every position, 0 .. num_words - 1.
        num_words: Size of the vocabulary.
        levels: The finest level L; level l has 2^l x 2^l cells.

    Returns:
        L + 1 histograms (N, num_words, 2^l, 2^l); the first is the bag of words.
    """
    n, height, width = assignments.shape
    side = 2**levels
    rows = torch.arange(height, device=assignments.device) * side // height
    columns = torch.arange(width, device=assignments.device) * side // width
    cell = (assignments * side + rows[:, None]) * side + columns
    finest = torch.zeros(n, num_words * side * side, device=assignments.device)
    finest.scatter_add_(1, cell.flatten(1), torch.ones_like(cell, dtype=finest.dtype).flatten(1))
    pyramid = [finest.view(n, num_words, side, side)]
    while len(pyramid) <= levels:
        pyramid.insert(0, 4 * F.avg_pool2d(pyramid[0], 2))
    return pyramid


def level_weights(levels: int) -> list[float]:
    """1/2^L for level 0 and 1/2^(L - l + 1) for level l: a match in a finer cell says more."""
    return [0.5**levels, *(0.5 ** (levels - level + 1) for level in range(1, levels + 1))]


def pyramid_match(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Kernel between histogram pyramids, (N,): weighted histogram intersections of their levels."""
    weights = level_weights(len(first) - 1)
    matches = (torch.minimum(a, b).flatten(1).sum(1) for a, b in zip(first, second, strict=True))
    return torch.stack([w * match for w, match in zip(weights, matches, strict=True)]).sum(0)
