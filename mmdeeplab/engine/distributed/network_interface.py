"""Choose the network interface by which processes on several machines communicate."""

import fcntl
import os
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from mmdeeplab.errors import UserError

ADDRESS_OF = 0x8915  # SIOCGIFADDR of <linux/sockios.h>
ELSEWHERE = '192.0.2.1'  # reserved for documentation (RFC 5737): reached by the default route only
VARIABLES = ('GLOO_SOCKET_IFNAME', 'NCCL_SOCKET_IFNAME')


class Interface(NamedTuple):
    """A network interface of this machine and its IPv4 address."""

    name: str
    address: str


def interfaces() -> list[Interface]:
    """All network interfaces with an IPv4 address, the loopback included."""
    available = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # no IPv4 address
                reply = fcntl.ioctl(probe, ADDRESS_OF, struct.pack('256s', name[:15].encode()))
                available.append(Interface(name, socket.inet_ntoa(reply[20:24])))
    return available


def choose_interface(master: str) -> Interface | None:
    """Choose the interface for gloo and NCCL, and set it in the environment unless it is set.

    It is the one that ``GLOO_SOCKET_IFNAME`` names. Without it, the one that leads to ``master``;
    on ``master`` itself, whose name may mean the loopback, the one of the default route or the only
    one. By itself, gloo would use the address that the machine's own name has, often the loopback.

    Args:
        master: Name or address of the machine of rank 0.

    Returns:
        The interface; None if ``master`` has no IPv4 address, and none is chosen.

    Raises:
        UserError: The variable names no interface, ``master`` is unknown or not reached, or it is
            not clear which of several interfaces to use.
    """
    name = os.environ.get(VARIABLES[0], '').split(',')[0]
    interface = _named(name) if name else _towards(master)
    if interface is not None:
        for variable in VARIABLES:
            os.environ.setdefault(variable, interface.name)
    return interface


def _named(name: str) -> Interface:
    for interface in interfaces():
        if interface.name == name:
            return interface
    raise UserError(
        f'{VARIABLES[0]}={name}: {socket.gethostname()} has no such interface with an IPv4 '
        f'address; it has {interfaces_text()}'
    )


def addresses_of(master: str) -> dict[int, str]:
    """The addresses of the first machine, by address family.

    Raises:
        UserError: Its name is not known.
    """
    try:
        return {int(info[0]): str(info[4][0]) for info in socket.getaddrinfo(master, None)}
    except OSError as error:
        raise UserError(
            f'MASTER_ADDR={master} is not known on {socket.gethostname()} ({error.strerror}); '
            'give the address of the first machine'
        ) from error


def _towards(master: str) -> Interface | None:
    addresses = addresses_of(master)
    if socket.AF_INET not in addresses:
        return None
    source_address = _source(addresses[socket.AF_INET])
    if source_address is None:
        raise UserError(
            f'{socket.gethostname()} has no way to MASTER_ADDR={master}; it has {interfaces_text()}'
        )
    others = [interface for interface in interfaces() if not interface.address.startswith('127.')]
    for address in (source_address, _source(ELSEWHERE)):
        for interface in others:
            if interface.address == address:
                return interface
    if len(others) == 1:
        return others[0]
    raise UserError(
        f'which network joins {socket.gethostname()} with the other machines cannot be told: set '
        f'{VARIABLES[0]} and {VARIABLES[1]} to one of {interfaces_text()}'
    )


def _source(destination: str) -> str | None:
    """This machine's own address for connections to another one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((destination, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def interfaces_text() -> str:
    """The names and addresses of this machine's interfaces, for messages."""
    return (
        ', '.join(f'{interface.name} ({interface.address})' for interface in interfaces()) or 'none'
    )
