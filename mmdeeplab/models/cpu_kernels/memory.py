"""Let the C library keep freed memory, so that maps do not need new memory in every pass."""

import ctypes
from contextlib import suppress
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
KEPT = 2**29  # bytes
NEVER = -1


@cache
def keep_memory(everything: bool = False) -> None:
    """Let malloc keep up to half a gigabyte of freed memory instead of returning it to the system.

    Otherwise the operating system has to clear tens of thousands of pages in every pass. This holds
    for the whole process. Nothing happens if the C library is not glibc.

    Args:
        everything: Keep all freed memory, for training, which needs the same memory in each step.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, KEPT)
        mallopt(TRIM_THRESHOLD, NEVER if everything else KEPT)
