"""Treat networks with a single channel, a foreground's score, like those with two classes."""

import torch
from torch import Tensor


def two_classes(scores: Tensor) -> Tensor:
    """Scores of at least two classes, whose softmax gives the probabilities.

    Args:
        scores: ``seg_logits`` (C, H, W) of a prediction; for a single channel mmseg stores the
            foreground's probability.

    Returns:
        ``scores``; for a single channel the logarithms of the probabilities of background and
        foreground, (2, H, W).
    """
    if len(scores) > 1:
        return scores
    rounding = torch.finfo(scores.dtype).eps
    foreground = scores.clamp(rounding, 1 - rounding)
    return torch.cat([1 - foreground, foreground]).log()
