"""Memory that one map leaves is there for the next."""

import ctypes
from contextlib import suppress
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
KEPT = 2**29  # bytes
NEVER = -1


@cache
def keep_memory(everything: bool = False) -> None:
    """Let malloc keep up to half a gigabyte of freed memory instead of giving it back.

    Otherwise the kernel clears tens of thousands of pages in every pass. For the whole process;
    nothing happens where the C library is another than glibc.

    Args:
        everything: Give nothing back, as training needs that takes the same memory in each step.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, KEPT)
        mallopt(TRIM_THRESHOLD, NEVER if everything else KEPT)
