"""Randomness as a function of what is drawn for, never of what was drawn before.

Every draw of training happens right after :func:`seed_all` with a number made of the run's seed
and the place in the run: a sample's position in the stream, or an iteration and a rank. Hence a
resumed run draws what the uninterrupted one would have, whatever the number of worker processes.
"""

import hashlib
import random

import numpy as np
import torch


def derive(*parts: int | str) -> int:
    """A number below 2**63 that any change of ``parts`` changes beyond recognition."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'little') >> 1


def seed_all(number: int) -> None:
    """Seed ``random``, NumPy and torch (with its devices) with one number below 2**63.

    Devices that are not in use yet are left alone: ``torch.manual_seed`` would note the call's
    whole stack for each of them, which takes a hundred times as long as all the rest.
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
