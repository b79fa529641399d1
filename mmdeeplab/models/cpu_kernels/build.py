"""Compile the C files in this folder, once per machine, and load them."""

import atexit
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
from mmdeeplab.processor import has_avx512

FLAGS = ('-O3', '-march=native', '-std=gnu11', '-fopenmp', '-fPIC', '-w')
SWITCH = 'MMDEEPLAB_KERNELS'
FOLDER = Path(__file__).parent


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where they are off or there is no compiler.

    A compiler that fails is logged.
    """
    compiler = find_compiler()
    if why_off() or compiler is None:
        return None
    try:
        return ctypes.CDLL(str(compiled(compiler)))
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, 'stderr', '') or str(error)
        line = (reason.strip().splitlines() or ['?'])[0]
        print_log(f'no C kernels, PyTorch alone: {line}', 'current', logging.WARNING)
        return None


def why_off() -> str:
    """Why the kernels are not used on this machine; empty where they are."""
    switch = os.environ.get(SWITCH)
    if switch == '0':
        return f'{SWITCH}=0'
    if not torch.backends.mkldnn.is_available():
        return 'this PyTorch has no oneDNN'
    if switch != '1' and not has_avx512():
        return f'PyTorch is faster without AVX-512 ({SWITCH}=1 uses them)'
    return ''


def find_compiler() -> str | None:
    """The path of a C compiler: ``$CC``, cc, gcc or clang; None if there is none."""
    names = [os.environ.get('CC', ''), 'cc', 'gcc', 'clang']
    return next((path for name in names if name and (path := shutil.which(name))), None)


def compiled(compiler: str) -> Path:
    """The shared library: from the cache, or compiled if sources, compiler or processor are new.

    The file ends with its checksum, behind what the loader reads. A file that was cut off or
    changed is compiled again, since loading it could crash the process.

    Raises:
        OSError, subprocess.SubprocessError: It cannot be compiled or written.
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
        except UserError:  # the cache cannot be written: load from a temporary folder
            path = Path(tempfile.mkdtemp(), made.name)
            atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
            shutil.copy(made, path)
    return path


def with_checksum(library: bytes) -> bytes:
    """A file's bytes followed by their SHA-256."""
    return library + hashlib.sha256(library).digest()


def is_whole(path: Path) -> bool:
    """Whether a file exists and ends with the SHA-256 of the bytes before it."""
    size = hashlib.sha256().digest_size
    data = path.read_bytes() if path.is_file() else b''
    return len(data) > size and with_checksum(data[:-size]) == data


def run(*words: str | Path) -> None:
    subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True, timeout=300)


def key(compiler: str) -> str:
    """A hash of what the library depends on: sources, compiler, and the processor's features."""
    digest = hashlib.sha256(' '.join((compiler, *FLAGS)).encode())
    digest.update(str(stamp(compiler)[:2]).encode())
    info = Path('/proc/cpuinfo')
    if info.is_file():
        lines = info.read_text(errors='replace').splitlines()
        digest.update(
            '\n'.join(
                sorted({line for line in lines if line.startswith(('flags', 'Feat'))})
            ).encode()
        )
    for source in sorted(FOLDER.glob('*.[ch]')):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:20]
