"""Which network joins machines, and what is said where that cannot be told."""

import json
import subprocess

import pytest

from mmdeeplab.engine.distributed import network_interface, rendezvous
from mmdeeplab.engine.distributed.network_interface import Interface, choose_interface, interfaces
from mmdeeplab.errors import UserError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in network_interface.VARIABLES:
        monkeypatch.setenv(variable, '')  # so that what is set is forgotten afterwards
        monkeypatch.delenv(variable)


def test_interfaces_are_those_of_ip() -> None:
    try:
        told = subprocess.run(['ip', '-json', '-4', 'addr'], capture_output=True, check=True)
    except OSError:
        pytest.skip('needs the command ip')
    first = [
        (link['ifname'], link['addr_info'][0]['local'])
        for link in json.loads(told.stdout)
        if link.get('addr_info')
    ]
    assert sorted(interfaces()) == sorted(first)


def test_a_named_interface_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('GLOO_SOCKET_IFNAME', 'eth77')
    with pytest.raises(UserError, match=r'IFNAME=eth77: .* has no such .*lo \(127'):
        choose_interface('10.0.0.1')


def test_an_unknown_first_machine_is_named_with_any_interface(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('GLOO_SOCKET_IFNAME', 'lo')
    choose_interface('machine.invalid')
    with pytest.raises(UserError, match=r'MASTER_ADDR=machine\.invalid is not known on'):
        rendezvous._store('machine.invalid', 29500, is_first=False)
    with pytest.raises(UserError, match=r'means 127\.0\.0\.1 on .*, which is itself'):
        rendezvous._store('127.0.0.1', 29500, is_first=False)


CARDS = [
    Interface('lo', '127.0.0.1'), Interface('eth0', '10.0.0.1'), Interface('docker0', '172.17.0.1')
]  # fmt: skip


@pytest.mark.parametrize(
    ('cards', 'sources', 'name'),
    [
        (CARDS, dict(master='10.0.0.1', elsewhere='172.17.0.1'), 'eth0'),
        (CARDS, dict(master='127.0.0.1', elsewhere='10.0.0.1'), 'eth0'),
        (CARDS[:2], dict(master='127.0.0.1', elsewhere=None), 'eth0'),
        (CARDS, dict(master='127.0.0.1', elsewhere=None), 'which network joins .* cannot be told'),
        (CARDS, dict(master=None, elsewhere=None), 'has no way to MASTER_ADDR=127.0.0.9; it has'),
    ],
    ids=['leads to the master', 'default route', 'the only one', 'several', 'no way'],
)
def test_the_interface_is_found(
    cards: list, sources: dict, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def source(destination: str) -> str | None:
        return sources['elsewhere' if destination.startswith('192.') else 'master']

    monkeypatch.setattr(network_interface, 'interfaces', lambda: cards)
    monkeypatch.setattr(network_interface, '_source', source)
    if ' ' in name:
        with pytest.raises(UserError, match=name):
            choose_interface('127.0.0.9')
        return
    monkeypatch.setenv('NCCL_SOCKET_IFNAME', '^docker')  # a person's choice stays
    found = choose_interface('127.0.0.9')
    assert found is not None
    assert found.name == network_interface.os.environ['GLOO_SOCKET_IFNAME'] == name
    assert network_interface.os.environ['NCCL_SOCKET_IFNAME'] == '^docker'
