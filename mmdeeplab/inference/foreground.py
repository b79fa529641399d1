"""Networks with a single channel of scores, a foreground's, beside those with one a class."""

import torch
from torch import Tensor


def two_classes(scores: Tensor) -> Tensor:
    """``seg_logits`` of a prediction as scores of at least two classes, whose softmax they are.

    Args:
        scores: (C, H, W); as mmseg keeps them, a single channel holds probabilities.

    Returns:
        The same; for a single channel the logarithms of both probabilities, (2, H, W).
    """
    if len(scores) > 1:
        return scores
    rounding = torch.finfo(scores.dtype).eps
    foreground = scores.clamp(rounding, 1 - rounding)
    return torch.cat([1 - foreground, foreground]).log()
