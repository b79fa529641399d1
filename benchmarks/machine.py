"""Where a figure was measured."""

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

import torch

from mmdeeplab.weights.reference_models import FOLDER

TELLING = ('avx2', 'avx512f', 'avx512_bf16', 'avx512_vnni', 'amx_bf16', 'amx_int8')
PACKAGES = {
    'torch': 'torch',
    'mmseg': 'onedl-mmsegmentation',
    'mmengine': 'onedl-mmengine',
    'smp': 'segmentation-models-pytorch',
    'timm': 'timm',
    'torchvision': 'torchvision',
}
"""Ours and the peers' by the names they have in the tables."""
RUNTIMES = ('onnxruntime', 'openvino', 'ai-edge-litert')
"""What runs exported files; named where it is installed."""


def machine() -> dict[str, object]:
    """Processor, memory, threads, versions, and how busy it was before the run."""
    return dict(
        processor=_line('/proc/cpuinfo', 'model name') or platform.processor(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        instructions=[flag for flag in TELLING if flag in _line('/proc/cpuinfo', 'flags').split()],
        memory_gib=round(int((_line('/proc/meminfo', 'MemTotal') or '0').split()[0]) / 2**20),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else 'none',
        load_before=round(os.getloadavg()[0], 1),
        python=platform.python_version(),
        versions={name: version(name) for name in PACKAGES} | _runtimes(),
    )


def version(name: str) -> str:
    """The version of a peer, by its name in the table; ``missing`` where it is not installed."""
    for distribution in metadata.distributions(name=PACKAGES[name], path=[*sys.path, str(FOLDER)]):
        return distribution.version
    return 'missing'


def _runtimes() -> dict[str, str]:
    return {
        name: package.version for name in RUNTIMES for package in metadata.distributions(name=name)
    }


def _line(path: str, key: str) -> str:
    """What follows ``key`` in the first such line of one of Linux's tables."""
    file = Path(path)
    text = file.read_text() if file.is_file() else ''
    match = re.search(rf'^{key}\s*:\s*(.*)$', text, re.M)
    return match[1] if match else ''
