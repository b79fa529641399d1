"""Histogram pyramids against the paper's definitions."""

import torch
from figures.spatial_pyramid import histogram_pyramid, level_weights, pyramid_match
from torch.nn import functional as F


def test_histograms_count_words_in_cells() -> None:
    words = torch.randint(0, 5, (2, 10, 13))
    pyramid = histogram_pyramid(words, 5, 2)
    assert [h.shape for h in pyramid] == [(2, 5, n, n) for n in (1, 2, 4)]
    for level, histogram in enumerate(pyramid):
        counted = torch.zeros_like(histogram)
        for image, y, x in torch.cartesian_prod(*map(torch.arange, words.shape)).tolist():
            word = words[image, y, x]
            counted[image, word, y * 2**level // 10, x * 2**level // 13] += 1
        assert torch.equal(histogram, counted)


def test_published_length_of_the_pyramid() -> None:
    """Lazebnik: 400 words and L = 3 give 34,000 dimensions."""
    pyramid = histogram_pyramid(torch.zeros(1, 8, 8, dtype=torch.long), 400, 3)
    assert sum(h.numel() for h in pyramid) == 34_000


def test_published_weights() -> None:
    assert level_weights(0) == [1]
    assert level_weights(2) == [1 / 4, 1 / 4, 1 / 2]
    assert level_weights(3) == [1 / 8, 1 / 8, 1 / 4, 1 / 2]


def test_match_weighs_a_match_by_the_finest_cell_that_holds_it() -> None:
    """Equation 3 is equation 2 rearranged: new matches at level l weigh 1/2^(L - l)."""
    first, second = (histogram_pyramid(torch.randint(0, 3, (4, 16, 16)), 3, 3) for _ in range(2))
    common = [
        torch.stack([F.relu(a - F.relu(a - b)).sum() for a, b in zip(x, y, strict=True)])
        for x, y in zip(first, second, strict=True)
    ]
    new = (common[level] - common[level + 1] for level in range(3))
    expected = common[3] + sum(x / 2 ** (3 - level) for level, x in enumerate(new))
    torch.testing.assert_close(pyramid_match(first, second), expected)
    torch.testing.assert_close(pyramid_match(first, first), torch.full((4,), 256.0))
