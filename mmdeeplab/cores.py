"""How many cores of the processor are ours."""

import os
from pathlib import Path


def usable_cores(quota: Path = Path('/sys/fs/cgroup/cpu.max')) -> int:
    """Cores this process may run on, and not more than its container is given."""
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        return min(cores, max(1, round(int(limit) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return cores
