"""Keep the training and evaluation modes of a network's parts."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def kept_modes(module: nn.Module) -> Iterator[None]:
    """Give every part of a module the mode back that it had before the block.

    ``module.train(True)`` would not: it would put frozen norms into training, too.
    """
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
