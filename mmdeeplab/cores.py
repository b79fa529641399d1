"""The number of processor cores that this process may use."""

import os
from pathlib import Path


def usable_cores(quota: Path = Path('/sys/fs/cgroup/cpu.max')) -> int:
    """Number of cores that this process may run on, at most those that its container is given."""
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        return min(cores, max(1, round(int(limit) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return cores
