"""Compile and load the C kernels in a process of its own, and print a JSON line of how that went.

Run as a file by :mod:`mmdeeplab.cli.doctor.kernels`.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path


def kernel_facts() -> dict:
    """What :class:`mmdeeplab.cli.doctor.kernels.Kernels` holds."""
    import torch

    from mmdeeplab.models.cpu_kernels import build

    if os.environ.get(build.SWITCH) == '0':
        return dict(off=f'{build.SWITCH}=0')
    if not torch.backends.mkldnn.is_available():
        return dict(off='this PyTorch has no oneDNN')
    compiler = build.find_compiler()
    if compiler is None:
        return {}
    try:
        ctypes.CDLL(str(build.compiled(compiler)))
    except (OSError, subprocess.SubprocessError) as fault:
        said = str(getattr(fault, 'stderr', '') or fault).split('\n')
        return dict(
            compiler=compiler, error=next((line for line in said if 'error' in line), said[0])
        )
    return dict(compiler=compiler)


if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[3])  # in the place of this folder
    print(json.dumps(dict(kernels=kernel_facts())))
