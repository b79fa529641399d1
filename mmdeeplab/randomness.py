"""Random numbers that depend only on the seed and on the position in a run.

All random numbers of training are drawn right after :func:`seed_all`, with a number derived from
the run's seed and the position in the run: that of a sample in the stream, or iteration and rank.
So a resumed run draws the same numbers as one without interruption, with any number of worker
processes.
"""

import hashlib
import random

import numpy as np
import torch


def derive(*parts: int | str) -> int:
    """Derive a seed below 2**63 from ``parts`` by a hash."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'little') >> 1


def seed_all(number: int) -> None:
    """Seed ``random``, NumPy and PyTorch (with its devices) with a number below 2**63.

    Devices that are not in use yet are not seeded: for each of them ``torch.manual_seed`` records
    the stack of the call, which takes a hundred times as long as everything else.
    """
    random.seed(number)
    np.random.seed(number & 0xFFFFFFFF)
    if (
        torch.cuda.is_initialized()
        or torch.xpu.is_initialized()
        or torch.backends.mps.is_available()
    ):
        torch.manual_seed(number)
    else:
        torch.default_generator.manual_seed(number)
