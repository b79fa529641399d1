"""Let the launchers of several machines meet: one name for the job, one network interface."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from torch.distributed import DistNetworkError, DistStoreError, TCPStore

from mmdeeplab.engine.distributed.job import JOB
from mmdeeplab.engine.distributed.network_interface import addresses_of, choose_interface
from mmdeeplab.errors import UserError

PATIENCE = timedelta(minutes=10)  # for the first machine to start, as torchrun waits for the others
SILENCE = 60.0  # seconds of the first machine, after which this one gives up
PERIOD = 5.0  # seconds between two questions to it
GRACE = 30.0  # seconds in which the launcher notices an end by itself


def prepare(args: argparse.Namespace) -> TCPStore | None:
    """Connect the launchers of several machines, and write the job's name into the environment.

    Args:
        args: torchrun's arguments; ``local_addr`` is set. If there are several machines, the one
            with the store has ``--rdzv-conf is_host=1``, as from ``tools/dist_train.sh``.

    Returns:
        The store where the launchers meet, which must be kept alive; None if they meet in another
        way.

    Raises:
        UserError: The first machine does not answer, or no network interface leads to it.
    """
    if args.rdzv_backend != 'c10d' or 'is_host=' not in args.rdzv_conf:
        return None
    host, _, port = args.rdzv_endpoint.rpartition(':')
    is_first = 'is_host=1' in args.rdzv_conf.split(',')
    interface = choose_interface(host)
    if interface is not None:
        args.local_addr = args.local_addr or interface.address
        print(
            f'{socket.gethostname()} talks to the other machines by {interface.name} '
            f'({interface.address}); GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME name another',
            flush=True,
        )
    os.environ['TORCH_DISABLE_SHARE_RDZV_TCP_STORE'] = '1'
    if not is_first:
        notice = f'waiting at most {PATIENCE.total_seconds():.0f} s for the first machine'
        print(f'{notice} (NODE_RANK=0) at {args.rdzv_endpoint}', flush=True)
    store = _store(host, int(port), is_first)
    if is_first:
        store.set(JOB, uuid.uuid4().hex)
    os.environ[JOB] = store.get(JOB).decode()
    if not is_first:
        address = (host, int(port))
        threading.Thread(target=_watch, args=address, name='first machine', daemon=True).start()
    return store


def _store(host: str, port: int, is_first: bool) -> TCPStore:
    """The store on the first machine: start it there, wait for it on the others."""
    if is_first:
        try:
            return TCPStore(host, port, None, True, PATIENCE, False, True)
        except (DistNetworkError, DistStoreError) as error:
            raise UserError(
                f'port {port} cannot be used ({_short(error)}); PORT=NUMBER on every machine names '
                'another, and MASTER_ADDR must be an address of this machine (NODE_RANK=0)'
            ) from error
    address = addresses_of(host).get(socket.AF_INET, '')
    if address.startswith('127.'):
        raise UserError(
            f'MASTER_ADDR={host} means {address} on {socket.gethostname()}, which is itself; give '
            'the address by which the first machine is reached'
        )
    try:
        return TCPStore(host, port, None, False, PATIENCE, False)
    except (DistNetworkError, DistStoreError) as error:
        raise UserError(
            f'the first machine does not answer at {host}:{port} within '
            f'{PATIENCE.total_seconds():.0f} s: start the command there, with NODE_RANK=0, and let '
            'a firewall pass all ports between the machines'
        ) from error


def _watch(host: str, port: int) -> None:
    """End the job on this machine if the first machine is gone; torchrun may wait for ever.

    The timeouts of its store have no effect if a cable is cut: when they expire, the store tries to
    tell the other side.
    """
    answered, limit = time.monotonic(), SILENCE
    while time.monotonic() - answered < limit:
        time.sleep(PERIOD)
        try:
            socket.create_connection((host, port), PERIOD).close()
            answered, limit = time.monotonic(), SILENCE
        except ConnectionRefusedError:  # closed: the job ended, which torchrun may notice by itself
            limit = GRACE
        except OSError:
            pass
    print(
        f'error: the first machine does not answer any more at {host}:{port} (for '
        f'{time.monotonic() - answered:.0f} s): the processes of {socket.gethostname()} end; start '
        'the same command again on all machines that ended, with --resume auto',
        file=sys.stderr,
        flush=True,
    )
    for children in Path('/proc/self/task').glob('*/children'):
        for pid in children.read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    os._exit(1)


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:160]
