"""Identify the job that a process belongs to, over all restarts by its launcher."""

import os

JOB = 'MMDEEPLAB_JOB'
"""Variable in which the launchers of several machines name the start that they have in common."""


def job_name() -> str:
    """Name of the launcher's job, the same on all machines and after restarts of its processes.

    Empty without a launcher.
    """
    return os.environ.get(JOB) or os.environ.get('TORCHELASTIC_RUN_ID', '')


def may_have_saved() -> bool:
    """Whether this job may have saved checkpoints already, before its processes were restarted.

    torchrun's count of restarts does not tell: each machine has its own, and it stays 0 on a
    machine that restarts because of another one. So our launcher gives each start a new name, and
    a job with such a name may have saved. torchrun's own name may be an old one that a person
    chose; with it the count is used.
    """
    return JOB in os.environ or int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)) > 0
