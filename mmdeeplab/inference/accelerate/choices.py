"""Which engine was the fastest, remembered between runs."""

import hashlib
import json
import os
import platform
from pathlib import Path

import torch
from torch import nn

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.inference.accelerate.vino import installed
from mmdeeplab.models.cpu_kernels import library
from mmdeeplab.version import __version__


class Choices:
    """One line of ``fast.json`` in the cache (:mod:`mmdeeplab.fileio.cache_dir`).

    Args:
        network: Counts by the shapes of its tensors; other weights take the same time.
        shape: Of the input, (N, C, H, W).
        fast: The lowest precision allowed.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...], fast: bool | str) -> None:
        self.path = cache_folder() / 'fast.json'
        shapes = [(name, tuple(value.shape)) for name, value in network.state_dict().items()]
        text = repr((repr(network), shapes))
        facts = (
            processor(),
            f'{torch.get_num_threads()} threads',
            f'torch {torch.__version__}',
            f'openvino {installed()}',
            f'mmdeeplab {__version__}, {"C kernels" if library() else "no C kernels"}',
            hashlib.sha256(text.encode()).hexdigest()[:16],
            'x'.join(map(str, shape)),
            'float32' if fast is True else str(fast),
        )
        self.key = '; '.join(facts)

    def kept(self) -> str | None:
        """The name of the engine that was chosen earlier on this machine, if one was."""
        return self._all().get(self.key)

    def keep(self, name: str) -> None:
        """Write down the chosen engine; a folder that cannot be written is no reason to stop."""
        content = json.dumps(self._all() | {self.key: name}, indent=1)
        try:
            with placing(self.path) as partial:
                partial.write_text(content + '\n')
        except UserError:
            return

    def _all(self) -> dict[str, str]:
        try:
            content = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def processor() -> str:
    """The name of the processor and the instructions that torch found in it."""
    name = platform.processor() or platform.machine()
    with_name = Path('/proc/cpuinfo')
    if with_name.is_file():
        lines = with_name.read_text(errors='replace').splitlines()
        name = next(
            (line.partition(':')[2].strip() for line in lines if 'model name' in line), name
        )
    return f'{name}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}'
