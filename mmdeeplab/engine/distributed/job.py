"""Which start of the launcher a process belongs to, over all restarts of its processes."""

import os

JOB = 'MMDEEPLAB_JOB'
"""Variable in which the launchers of several machines name the start that they have in common."""


def job_name() -> str:
    """Name of this start of the launcher, the same on all machines; empty without a launcher."""
    return os.environ.get(JOB) or os.environ.get('TORCHELASTIC_RUN_ID', '')


def may_have_saved() -> bool:
    """Whether checkpoints of this very job may be there: its processes may have been restarted.

    torchrun counts the restarts of each machine apart, and a process on a machine that was
    restarted for the sake of another one has a count of 0. So a name that is new at each start
    tells; torchrun's own may be an old one, given by a person, and there the count does.
    """
    return JOB in os.environ or int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)) > 0
