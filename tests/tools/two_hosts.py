"""Two hosts on one machine: namespaces of network, names and processes, joined by a cable."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ADDRESSES = ('10.77.0.1', '10.77.0.2')
CABLE = 'cable0'


class Host:
    """One of the hosts; what is started in it ends with it.

    Args:
        name: What ``hostname`` says there.
        folder: Where its ``/etc/hosts`` lies.
        table: Lines of that file besides the one of ``localhost``.
        user: Command that enters a user namespace where this user may do what root may.

    Raises:
        OSError: The system does not let this user make such namespaces.
    """

    def __init__(self, name: str, folder: Path, table: str, user: list[str]) -> None:
        self.name, self.user, self.file = name, user, folder / f'{name}.hosts'
        self.file.write_text(f'127.0.0.1 localhost\n{table}')
        self.network = keeper([*user, 'unshare', '--net'], 'ip link set lo up')
        self.boot()

    def boot(self) -> None:
        """Begin to run, at first or after :meth:`kill`, with the network there was."""
        spaces = ['unshare', '--uts', '--mount', '--pid', '--fork', '--kill-child']
        files = f'mount -t proc proc /proc && mount --bind {self.file} /etc/hosts'
        command = [*self.enter(self.network.pid, 'net'), *spaces]
        self.system = keeper(command, f'{files} && hostname {self.name}')
        self.init = child(self.system.pid)

    def enter(self, process: int, *spaces: str) -> list[str]:
        """The command that runs another one in namespaces of a process of this host."""
        return [*self.user, 'nsenter', '-t', str(process), *(f'--{space}' for space in spaces)]

    def start(
        self, *command: object, log: Path, cwd: Path, **environment: object
    ) -> subprocess.Popen:
        """Start a command on this host; its output goes to ``log``."""
        enter = [*self.enter(self.init, 'net', 'uts', 'mount', 'pid'), f'--wd={cwd}', '--']
        with log.open('ab') as out:
            return subprocess.Popen(
                [*enter, *map(str, command)],
                env=os.environ | {key: str(value) for key, value in environment.items()},
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    def ip(self, arguments: str) -> str:
        """Run ``ip`` on this host; processes have the numbers of the machine."""
        command = [*self.enter(self.network.pid, 'net'), 'ip', *arguments.split()]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise OSError(done.stderr.strip())
        return done.stdout

    def plug(self, plugged: bool) -> None:
        """Cut this host's end of the cable, without a word to anybody, or mend it."""
        self.ip(f'link set {CABLE} {"up" if plugged else "down"}')

    def kill(self) -> None:
        """End all its processes; the system closes their connections where the cable is whole."""
        if self.system.poll() is None:
            os.kill(self.init, signal.SIGKILL)
            self.system.communicate()

    def remove(self) -> None:
        """End everything, the network too."""
        self.kill()
        self.network.kill()
        self.network.communicate()


def keeper(command: list[str], script: str) -> subprocess.Popen:
    """A process that keeps namespaces open, once a line of the shell was run in them.

    Raises:
        OSError: That failed.
    """
    process = subprocess.Popen(
        [*command, 'sh', '-c', f'{script} && echo up && exec sleep infinity'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline() != 'up\n':
        raise OSError(process.communicate()[1].strip())
    return process


def child(pid: int) -> int:
    """The only child of a process."""
    return int(Path(f'/proc/{pid}/task/{pid}/children').read_text())


@contextmanager
def user_namespace() -> Iterator[list[str]]:
    """A command that enters one; an empty one for root.

    Raises:
        OSError: The system does not let this user make one.
    """
    if os.geteuid() == 0:
        yield []
        return
    process = keeper(['unshare', '--user', '--map-root-user'], 'true')
    try:
        yield ['nsenter', '-t', str(process.pid), '--user', '--preserve-credentials']
    finally:
        process.kill()
        process.communicate()


@contextmanager
def two_hosts(folder: Path, tables: tuple[str, str] = ('', '')) -> Iterator[tuple[Host, Host]]:
    """Two hosts joined by a cable, ``ADDRESSES`` at its ends, and nothing else to be reached.

    Args:
        folder: For what they need.
        tables: Lines of ``/etc/hosts`` of each.

    Raises:
        OSError: The system does not let this user make namespaces.
    """
    with ExitStack() as stack:
        user = stack.enter_context(user_namespace())
        hosts = []
        for name, table in zip(('one', 'two'), tables, strict=True):
            hosts.append(Host(name, folder, table, user))
            stack.callback(hosts[-1].remove)
        one, two = hosts
        one.ip(f'link add {CABLE} type veth peer name {CABLE} netns {two.network.pid}')
        for host, address in zip(hosts, ADDRESSES, strict=True):
            host.ip(f'addr add {address}/24 dev {CABLE}')
            host.plug(True)
        yield one, two
