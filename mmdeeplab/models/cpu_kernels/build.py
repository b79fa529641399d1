"""Compile the C files beside this one, once a machine, and load them."""

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch
from mmengine.logging import print_log

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.fileio.file_stamp import stamp

FLAGS = ('-O3', '-march=native', '-std=gnu11', '-fopenmp', '-fPIC', '-w')
SWITCH = 'MMDEEPLAB_KERNELS'
FOLDER = Path(__file__).parent


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where there is no compiler, or where it fails, which is logged."""
    compiler = find_compiler()
    if (
        os.environ.get(SWITCH) == '0'
        or compiler is None
        or not torch.backends.mkldnn.is_available()
    ):
        return None
    try:
        return ctypes.CDLL(str(compiled(compiler)))
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, 'stderr', '') or str(error)
        line = (reason.strip().splitlines() or ['?'])[0]
        print_log(f'no C kernels, PyTorch alone: {line}', 'current', logging.WARNING)
        return None


def find_compiler() -> str | None:
    """A C compiler of this machine."""
    names = [os.environ.get('CC', ''), 'cc', 'gcc', 'clang']
    return next((path for name in names if name and (path := shutil.which(name))), None)


def compiled(compiler: str) -> Path:
    """The shared library, out of the cache where the same sources met the same machine before.

    Its checksum stands behind it in the file, where the loader does not look: one that was cut off
    or changed is compiled again, since to load it could end the process.

    Raises:
        OSError, subprocess.SubprocessError: It cannot be made.
    """
    sources = sorted(FOLDER.glob('*.c'))
    path = cache_folder() / 'kernels' / f'{key(compiler)}.so'
    if is_whole(path):
        return path
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, 'kernels.so')
        # Not linked with -fopenmp: the threads are to be those of the runtime that torch loaded.
        objects = [Path(folder, f'{source.stem}.o') for source in sources]
        for source, target in zip(sources, objects, strict=True):
            run(compiler, *FLAGS, '-c', source, '-o', target)
        run(compiler, '-shared', *objects, '-o', made)
        made.write_bytes(with_checksum(made.read_bytes()))
        try:
            with placing(path) as partial:
                shutil.copy(made, partial)
        except UserError:  # a home that cannot be written: loaded from here, and gone with us
            path = Path(tempfile.mkdtemp(), made.name)
            shutil.copy(made, path)
    return path


def with_checksum(library: bytes) -> bytes:
    """A file's bytes, and behind them their SHA-256."""
    return library + hashlib.sha256(library).digest()


def is_whole(path: Path) -> bool:
    """Whether a file is there and ends with the checksum of what stands before it."""
    size = hashlib.sha256().digest_size
    data = path.read_bytes() if path.is_file() else b''
    return len(data) > size and with_checksum(data[:-size]) == data


def run(*words: str | Path) -> None:
    subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True, timeout=300)


def key(compiler: str) -> str:
    """What the result depends on: the sources, the compiler, the instructions of the processor."""
    digest = hashlib.sha256(' '.join((compiler, *FLAGS)).encode())
    digest.update(str(stamp(compiler)[:2]).encode())
    info = Path('/proc/cpuinfo')
    if info.is_file():
        lines = info.read_text(errors='replace').splitlines()
        digest.update(
            '\n'.join({line for line in lines if line.startswith(('flags', 'Feat'))}).encode()
        )
    for source in sorted(FOLDER.glob('*.[ch]')):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:20]
