"""Check that machines reach each other, since gloo and NCCL would wait silently if not."""

import json
import socket
from contextlib import closing, suppress
from datetime import timedelta

from torch.distributed import PrefixStore, Store

from mmdeeplab.engine.distributed.network_interface import VARIABLES, Interface, interfaces_text
from mmdeeplab.errors import UserError

PATIENCE = 10.0  # seconds for a connection in one network


def require_reachable(store: Store, rank: int, world_size: int, interface: Interface) -> None:
    """Connect the first process of every machine with the first of every other, at random ports.

    Args:
        store: The store that all processes share.
        rank: Rank of this process.
        world_size: Number of processes.
        interface: The interface that this machine's processes use.

    Raises:
        UserError: On every process, if one machine does not reach another.
    """
    store = PrefixStore('reachability', store)
    with closing(socket.create_server((interface.address, 0), backlog=1024)) as server:
        place = [socket.gethostname(), *interface, server.getsockname()[1], interfaces_text()]
        store.set(f'place/{rank}', json.dumps(place))
        places = [json.loads(store.get(f'place/{i}')) for i in range(world_size)]
        first_ranks = {tuple(places[i][:3]): i for i in reversed(range(world_size))}
        fault = ''
        if rank in first_ranks.values():
            others = [places[i] for i in first_ranks.values() if i != rank]
            fault = next(filter(None, (_try(place, other) for other in others)), '')
            store.set(f'fault/{rank}', fault)
        faults = [store.get(f'fault/{i}').decode() for i in sorted(first_ranks.values())]
        store.set(f'read/{rank}', '')
        if rank == 0 and any(faults):  # the store ends with rank 0: let all read it
            with suppress(RuntimeError):
                store.wait([f'read/{i}' for i in range(world_size)], timedelta(seconds=PATIENCE))
    for fault in filter(None, faults):
        raise UserError(fault)


def _try(source: list, target: list) -> str:
    """Try a connection from a machine to another; a sentence if it fails, otherwise empty."""
    try:
        socket.create_connection((target[2], target[3]), PATIENCE, (source[2], 0)).close()
    except OSError as error:
        return (
            f'{source[0]} does not reach {target[0]} from {source[1]} ({source[2]}) at {target[1]} '
            f'({target[2]}): {error.strerror or error}; set {VARIABLES[0]} and {VARIABLES[1]} on '
            f'each to the interface of the network that joins them ({source[0]} has {source[4]}; '
            f'{target[0]} has {target[4]}), or let a firewall pass all ports between them'
        )
    return ''
