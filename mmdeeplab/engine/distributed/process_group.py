"""Join the process group of a run, with NCCL or gloo, also after a restart of its processes."""

import os
from datetime import timedelta

import torch
import torch.distributed
from torch.distributed import DistNetworkError, DistStoreError, PrefixStore, TCPStore

from mmdeeplab.engine.distributed.network_interface import choose_interface
from mmdeeplab.engine.distributed.reachability import require_reachable
from mmdeeplab.errors import UserError

PATIENCE = timedelta(minutes=5)  # for the others to start, however short an exchange may be


def join(timeout: float) -> None:
    """Initialise ``torch.distributed`` for this process: NCCL with GPUs, gloo without.

    On one machine the launcher keeps its store when it restarts the processes, and with it the
    addresses of processes that are gone, to which PyTorch would connect. So each restart uses its
    own keys in the store. On several machines, which count their restarts separately, rank 0 makes
    a new store after each restart.

    Args:
        timeout: Seconds after which a communication fails.

    Raises:
        UserError: Processes on other machines did not come, or cannot be reached.
    """
    limit = timedelta(seconds=timeout)
    backend = 'nccl' if torch.cuda.is_available() else 'gloo'
    if backend == 'nccl':  # under Slurm each task may see only one GPU
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']) % torch.cuda.device_count())
    if 'LOCAL_WORLD_SIZE' not in os.environ:  # another launcher, whose store is not known
        torch.distributed.init_process_group(backend, timeout=limit)
        return
    rank, world_size = int(os.environ['RANK']), int(os.environ['WORLD_SIZE'])
    one_machine = int(os.environ['LOCAL_WORLD_SIZE']) == world_size
    interface = None if one_machine else choose_interface(os.environ['MASTER_ADDR'])
    patience = max(limit, PATIENCE)
    try:
        store = _meet(rank, world_size, patience)
        if interface is not None:
            require_reachable(store, rank, world_size, interface)
    except (DistNetworkError, DistStoreError) as error:
        raise UserError(
            f'not all of {world_size} processes met within {patience.total_seconds():.0f} s at '
            f'{os.environ["MASTER_ADDR"]}:{os.environ["MASTER_PORT"]}, or one of them ended '
            f'({str(error).splitlines()[0][:160]}); see what the other machines say; all must '
            'start the same command, and a firewall must pass all ports between them'
        ) from error
    restart = os.environ.get('TORCHELASTIC_RESTART_COUNT', 0) if one_machine else ''
    torch.distributed.init_process_group(
        backend,
        store=PrefixStore(f'life{restart}', store),
        rank=rank,
        world_size=world_size,
        timeout=limit,
    )


def _meet(rank: int, world_size: int, patience: timedelta) -> TCPStore:
    """The store through which the processes meet: the launcher's, or a new one of rank 0."""
    shared = os.environ.get('TORCHELASTIC_USE_AGENT_STORE') == 'True'
    address, port = os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT'])
    return TCPStore(address, port, world_size, rank == 0 and not shared, patience)
