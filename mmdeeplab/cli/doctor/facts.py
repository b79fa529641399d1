"""Collect facts about an installation: packages, imports, devices, disk, memory."""

import configparser
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.config.shipped import HOME
from mmdeeplab.cores import usable_cores
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.version import __version__

GIB = 2**30
_REQUIREMENT = re.compile(
    r'(?P<name>[\w.-]+)\s*(?:>=\s*(?P<least>[\d.]+))?[^;]*(?:;.*extra == [\'"](?P<extra>[\w-]+))?'
)


@dataclass(frozen=True)
class Requirement:
    """A package that mmdeeplab requires; ``extra`` is empty if it always does."""

    name: str
    least: str = ''
    extra: str = ''

    def __str__(self) -> str:
        return f'{self.name}>={self.least}' if self.least else self.name


@dataclass(frozen=True)
class Torch:
    """What PyTorch reports; ``cuda`` is the version it was built for, empty for a CPU build."""

    version: str
    cuda: str = ''
    gpus: tuple[str, ...] = ()
    bf16: bool = True
    numpy_works: bool = True
    threads: int = 1


@dataclass(frozen=True)
class Kernels:
    """Whether the C kernels of inference and training can be compiled here.

    Attributes:
        compiler: Path of the C compiler; empty if there is none.
        error: The message of the compiler or the loader; empty if the kernels work.
        off: Why they are switched off, e.g. ``MMDEEPLAB_KERNELS=0``; empty if they are not.
    """

    compiler: str = ''
    error: str = ''
    off: str = ''

    def __str__(self) -> str:
        if self.off:
            return f'not used: {self.off}'
        if not self.compiler:
            return 'no C compiler'
        name = f'{Path(self.compiler).name} ({self.compiler})'
        return f'{name} fails' if self.error else f'compiled by {name}'


class Stack(NamedTuple):
    """The results of the probe; see the attributes of the same names of :class:`Facts`."""

    imports: dict[str, str]
    torch: Torch | None
    kernels: Kernels | None


@dataclass(frozen=True)
class Machine:
    """The machine; sizes are in bytes, ``shared`` is the free space of /dev/shm, if it exists."""

    cores: int
    driver: bool
    disk: int
    shared: int | None
    cache: str
    cache_writable: bool


@dataclass(frozen=True)
class Facts:
    """All facts about an installation.

    Attributes:
        python: Version of the interpreter.
        executable: Path of the interpreter, for commands that fix something.
        distributions: Versions of installed packages by canonical name (lower case, hyphens).
        requirements: The packages that mmdeeplab requires.
        imports: Error of the import by module; empty if it succeeds.
        torch: What PyTorch reports; None if it cannot be imported.
        machine: The machine.
        kernels: The C kernels; None if PyTorch or MMEngine cannot be imported.
    """

    python: tuple[int, int, int]
    executable: str
    distributions: dict[str, str]
    requirements: tuple[Requirement, ...]
    machine: Machine
    imports: dict[str, str] = field(default_factory=dict)
    torch: Torch | None = None
    kernels: Kernels | None = None


def gather(distributions: Iterable[metadata.Distribution] | None = None) -> Facts:
    """Collect all facts; ``distributions`` are by default those of this interpreter."""
    installed = list(metadata.distributions() if distributions is None else distributions)
    stack = run_probe()
    return Facts(
        python=sys.version_info[:3],
        executable=sys.executable,
        distributions=versions(installed),
        requirements=requirements(installed),
        machine=look_at_machine(),
        **stack._asdict(),
    )


def canonical(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower()


def versions(distributions: Iterable[metadata.Distribution]) -> dict[str, str]:
    """Versions by canonical name; of two copies on the path the first one counts, as in imports."""
    result: dict[str, str] = {}
    for distribution in distributions:
        name = distribution.metadata['Name']
        if name:
            result.setdefault(canonical(name), distribution.version)
    return result


def requirements(distributions: Iterable[metadata.Distribution]) -> tuple[Requirement, ...]:
    """The requirements of mmdeeplab: from setup.cfg in a checkout, else from its metadata."""
    setup = HOME / 'setup.cfg'
    lines: list[str] = []
    if setup.is_file():
        parser = configparser.ConfigParser()
        parser.read(setup, encoding='utf-8')
        lines = parser['options']['install_requires'].split('\n')
        for extra, text in parser['options.extras_require'].items():
            lines += [f'{line}; extra == "{extra}"' for line in text.split('\n') if line]
    else:
        for distribution in distributions:
            if canonical(distribution.metadata['Name'] or '') == 'mmdeeplab':
                lines += distribution.requires or []
                break
    return tuple(map(parse_requirement, filter(None, lines)))


def parse_requirement(line: str) -> Requirement:
    """Parse ``NAME`` or ``NAME>=VERSION``, with or without ``; extra == "EXTRA"``."""
    match = _REQUIREMENT.match(line)
    assert match, line
    return Requirement(canonical(match['name']), match['least'] or '', match['extra'] or '')


def run_probe(python: str = sys.executable) -> Stack:
    """Import the packages and compile the kernels in another process, which may crash."""
    command = [python, str(Path(__file__).with_name('probe.py'))]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    imports: dict[str, str] = {}
    torch = kernels = None
    for record in records(completed.stdout):
        if 'begin' in record:
            end = f'the import ends the process with status {completed.returncode}'
            imports[record['begin']] = end
        elif 'module' in record:
            imports[record['module']] = record['error']
        elif 'torch' in record:
            values = record['torch']
            torch = Torch(**values | dict(gpus=tuple(values['gpus'])))
        elif 'kernels' in record:
            kernels = Kernels(**record['kernels'])
    return Stack(imports, torch, kernels)


def records(text: str) -> Iterator[dict]:
    """The JSON objects in the output of the probe; other lines are printed by imported modules."""
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict):
            yield record


def look_at_machine() -> Machine:
    """Collect facts about cores, driver, disk, shared memory and cache folder."""
    shared = Path('/dev/shm')
    cache = cache_folder()
    return Machine(
        cores=usable_cores(),
        driver=Path('/proc/driver/nvidia/version').exists(),
        disk=shutil.disk_usage('.').free,
        shared=shutil.disk_usage(shared).free if shared.is_dir() else None,
        cache=str(cache),
        cache_writable=can_write(cache),
    )


def can_write(folder: Path) -> bool:
    """Whether a file can be written in a folder, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def title() -> str:
    return f'mmdeeplab {__version__} in {Path(__file__).resolve().parents[2]}'
