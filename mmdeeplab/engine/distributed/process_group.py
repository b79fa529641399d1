"""The group of processes under torchrun, on GPUs and CPUs, also after a restart."""

import os
from datetime import timedelta

import torch
import torch.distributed
from torch.distributed import PrefixStore, TCPStore

PATIENCE = timedelta(minutes=5)  # for the others to start, however short an exchange may be


def join(timeout: float) -> None:
    """Make this process a member of its group: NCCL with GPUs, gloo without.

    On one machine the launcher keeps its store over restarts, with the addresses of processes
    that are gone; torch would connect to those. Each life has its own keys here.

    Args:
        timeout: Seconds after which an exchange is given up.
    """
    limit = timedelta(seconds=timeout)
    backend = 'nccl' if torch.cuda.is_available() else 'gloo'
    if backend == 'nccl':
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    one_machine = os.environ.get('LOCAL_WORLD_SIZE') == os.environ['WORLD_SIZE']
    if not (one_machine and os.environ.get('TORCHELASTIC_USE_AGENT_STORE') == 'True'):
        torch.distributed.init_process_group(backend, timeout=limit)
        return
    address, port = os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT'])
    patience = max(limit, PATIENCE)
    store = TCPStore(address, port, int(os.environ['WORLD_SIZE']), False, patience)
    life = f'life{os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)}'
    torch.distributed.init_process_group(
        backend,
        store=PrefixStore(life, store),
        rank=int(os.environ['RANK']),
        world_size=int(os.environ['WORLD_SIZE']),
        timeout=limit,
    )
