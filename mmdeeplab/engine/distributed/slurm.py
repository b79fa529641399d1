"""Translate Slurm's environment of a task of ``srun`` into torchrun's variables."""

import os
import re
import subprocess
from collections.abc import Mapping

from mmdeeplab.errors import UserError

PORTS = range(20000, 30000)  # below those that Linux hands out by itself


def set_environment() -> None:
    """Set ``RANK``, ``WORLD_SIZE``, ``MASTER_ADDR`` and so on for this task of Slurm.

    ``MASTER_ADDR`` and ``MASTER_PORT`` stay if they are set. Otherwise the port is derived from the
    job's number, so that two jobs on one machine do not collide.

    Raises:
        UserError: This is not a task of ``srun``, or its machines cannot be listed.
    """
    os.environ.update(as_torchrun(os.environ))


def as_torchrun(slurm: Mapping[str, str]) -> dict[str, str]:
    """torchrun's variables for a task of Slurm.

    Args:
        slurm: The environment of the task.

    Raises:
        UserError: This is not a task of ``srun``, or its machines cannot be listed.
    """
    if 'SLURM_PROCID' not in slurm or 'SLURM_NTASKS' not in slurm:
        raise UserError(
            '--launcher slurm: SLURM_PROCID and SLURM_NTASKS are not set; start it by '
            'srun --ntasks=GPUS ... --launcher slurm, or without Slurm by tools/dist_train.sh'
        )
    tasks = slurm.get('SLURM_STEP_NUM_TASKS', slurm['SLURM_NTASKS'])
    counts = tasks_per_node(slurm.get('SLURM_STEP_TASKS_PER_NODE', tasks))
    job_id = int(slurm.get('SLURM_JOB_ID', 0))
    return dict(
        RANK=slurm['SLURM_PROCID'],
        LOCAL_RANK=slurm.get('SLURM_LOCALID', slurm['SLURM_PROCID']),
        WORLD_SIZE=tasks,
        LOCAL_WORLD_SIZE=str(counts[min(int(slurm.get('SLURM_NODEID', 0)), len(counts) - 1)]),
        MASTER_ADDR=slurm.get('MASTER_ADDR') or first_node(slurm),
        MASTER_PORT=slurm.get('MASTER_PORT') or str(PORTS[job_id % len(PORTS)]),
    )


def tasks_per_node(text: str) -> list[int]:
    """Numbers of tasks from Slurm's short form: ``8(x2),4`` means 8, 8 and 4."""
    parts = re.findall(r'(\d+)(?:\(x(\d+)\))?', text)
    return [int(number) for number, times in parts for _ in range(int(times or 1))]


def first_node(slurm: Mapping[str, str]) -> str:
    """Name of the first machine of a job; ``scontrol`` expands Slurm's short form of the list."""
    names = slurm.get('SLURM_STEP_NODELIST') or slurm.get('SLURM_JOB_NODELIST')
    names = names or slurm.get('SLURM_NODELIST', '')
    if re.fullmatch(r'[\w.-]+', names):
        return names
    command = ['scontrol', 'show', 'hostnames', names]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return result.stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        raise UserError(
            f'the first machine of {names or "SLURM_JOB_NODELIST, which is not set,"} is not '
            f'known ({" ".join(command[:3])} failed); set MASTER_ADDR to it'
        ) from error
