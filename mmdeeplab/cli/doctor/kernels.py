"""Whether the C kernels of fast inference and training can be compiled here."""

import sys
from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.cli.doctor.ask import ask


@dataclass(frozen=True)
class Kernels:
    """How compiling went.

    Attributes:
        compiler: Path of the C compiler, empty where there is none.
        error: What it, or the loader, said; empty where the kernels are there.
        off: Why nobody asks for them, e.g. ``MMDEEPLAB_KERNELS=0``.
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


def try_kernels(python: str = sys.executable) -> Kernels | None:
    """Compile them, as at their first use; None where that cannot be tried."""
    _, records = ask(python, 'kernel_probe.py')
    found = [record['kernels'] for record in records if 'kernels' in record]
    return Kernels(**found[-1]) if found else None
