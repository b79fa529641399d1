"""Import the stack in a process of its own, which may crash, and print a JSON line a finding.

Run as a file by :mod:`mmdeeplab.cli.doctor.facts`; imports nothing of ours.
"""

import importlib
import json
import sys
import warnings
from pathlib import Path

MODULES = ('numpy', 'torch', 'cv2', 'mmengine', 'mmcv', 'mmseg')
BF16_FLAGS = {'avx512_bf16', 'amx_bf16', 'bf16'}  # x86 twice, Arm


def probe() -> None:
    """Tell of each module whether it can be imported, then what PyTorch has to work with."""
    warnings.simplefilter('ignore')
    for name in MODULES:
        print(json.dumps(dict(begin=name)), flush=True)  # the last one, if this process dies
        try:
            importlib.import_module(name)
            error = ''
        except BaseException as fault:
            error = f'{type(fault).__name__}: {fault}'
        print(json.dumps(dict(module=name, error=error)), flush=True)
    if 'torch' in sys.modules:
        print(json.dumps(dict(torch=torch_facts())), flush=True)


def torch_facts() -> dict:
    """What :class:`mmdeeplab.cli.doctor.facts.Torch` holds."""
    import torch

    available = torch.cuda.is_available()
    return dict(
        version=torch.__version__,
        cuda=torch.version.cuda or '',
        gpus=[torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        if available
        else [],
        bf16=torch.cuda.is_bf16_supported() if available else cpu_has_bf16(),
        numpy_works=numpy_works(),
        threads=torch.get_num_threads(),
    )


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 by itself; False where it does not tell."""
    try:
        return bool(BF16_FLAGS & set(Path('/proc/cpuinfo').read_text().split()))
    except OSError:
        return False


def numpy_works() -> bool:
    """Whether PyTorch and NumPy are built for each other."""
    try:
        import numpy
        import torch

        return bool(torch.from_numpy(numpy.ones(2)).sum() == 2)
    except Exception:
        return False


if __name__ == '__main__':
    del sys.path[0]  # this folder
    probe()
