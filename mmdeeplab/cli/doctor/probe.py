"""Import the packages and compile our kernels in a separate process, which may crash.

Run as a file by :mod:`mmdeeplab.cli.doctor.facts`; prints one JSON object per line.
"""

import ctypes
import importlib
import json
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path

MODULES = ('numpy', 'torch', 'cv2', 'mmengine', 'mmcv', 'mmseg')
BF16_FLAGS = {'avx512_bf16', 'amx_bf16', 'bf16'}  # x86 twice, Arm


def probe() -> None:
    """Print for each module whether it can be imported, then what PyTorch reports."""
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
        with suppress(ImportError):  # of a package that the kernels need; reported above
            print(json.dumps(dict(kernels=kernel_facts())), flush=True)


def torch_facts() -> dict:
    """The values of :class:`mmdeeplab.cli.doctor.facts.Torch`."""
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
    """Whether the processor has bfloat16 instructions; False if it does not tell."""
    try:
        return bool(BF16_FLAGS & set(Path('/proc/cpuinfo').read_text().split()))
    except OSError:
        return False


def numpy_works() -> bool:
    """Whether PyTorch works with the installed NumPy."""
    try:
        import numpy
        import torch

        return bool(torch.from_numpy(numpy.ones(2)).sum() == 2)
    except Exception:
        return False


def kernel_facts() -> dict:
    """The values of :class:`mmdeeplab.cli.doctor.facts.Kernels`."""
    from mmdeeplab.models.cpu_kernels import build

    if reason := build.why_off():
        return dict(off=reason)
    compiler = build.find_compiler()
    if compiler is None:
        return {}
    try:
        ctypes.CDLL(str(build.compiled(compiler)))
    except (OSError, subprocess.SubprocessError) as fault:
        lines = str(getattr(fault, 'stderr', '') or fault).split('\n')
        return dict(
            compiler=compiler, error=next((line for line in lines if 'error' in line), lines[0])
        )
    return dict(compiler=compiler)


if __name__ == '__main__':
    sys.path[0] = str(Path(__file__).resolve().parents[3])  # the package's, not this folder
    probe()
