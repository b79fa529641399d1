"""Shared fixtures: the repository's root, ``../shared``, and models built from config files.

Tests of what works without PyTorch (the doctor, downloads, the order of packages) run without it.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from places import ROOT, SHARED

if TYPE_CHECKING:
    from torch import nn

WITH_TORCH = find_spec('torch') is not None
if WITH_TORCH:
    import torch

    from mmdeeplab.models.cpu_kernels.memory import keep_memory

    keep_memory()  # the system would clear the memory of every map anew
    # Threads that wait for each other on busy cores make small tensors many times slower.
    torch.set_num_threads(1)
MEMORY = Path('/dev/shm')


def pytest_configure() -> None:
    """Keep the files of a run in memory, if it has 8 GB to spare: most of them are small and many.

    The folder bears the number of the process. It goes at the end of a run without failures, or at
    the start of the next run.
    """
    if 'TMPDIR' in os.environ or not MEMORY.is_dir():
        return
    for left in MEMORY.glob('mmdeeplab-tests-*'):
        if not Path('/proc', left.name.rpartition('-')[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    barred = os.statvfs(MEMORY).f_flag & os.ST_NOEXEC or not os.access(MEMORY, os.W_OK)
    if not barred and min(shutil.disk_usage(MEMORY).free, available()) > 8e9:
        folder = own_folder()
        folder.mkdir()
        os.environ['TMPDIR'] = tempfile.tempdir = str(folder)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give the memory back; the files of a run with failures stay to be looked at."""
    if not session.testsfailed:
        shutil.rmtree(own_folder(), ignore_errors=True)


def own_folder() -> Path:
    """Where this process keeps the files of its run, if in memory."""
    return MEMORY / f'mmdeeplab-tests-{os.getpid()}'


def available() -> int:
    """Bytes of memory that are free, or would be for the asking."""
    lines = Path('/proc/meminfo').read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith('MemAvailable'))


def pytest_collection_finish() -> None:
    """Leave what is imported by now out of each search for garbage, of which MMEngine asks many."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that differ between processes, which pytest-xdist reports without a cause."""
    if addressed := [item.nodeid for item in items if ' at 0x' in item.nodeid]:
        raise pytest.UsageError(f'the name holds an address, give it an id: {addressed[0]}')


@pytest.fixture(scope='session')
def shared() -> Path:
    """Material that is too large or not free to live in the repository."""
    if not SHARED.is_dir():
        pytest.skip(f'needs {SHARED}, which is not here')
    return SHARED


@pytest.fixture(scope='session', autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that tests remember of files reaches the user's cache.

    The C kernels, which carry a checksum, are compiled once for all workers of pytest-xdist.
    """
    folder = tmp_path_factory.mktemp('cache')
    base = tmp_path_factory.getbasetemp()
    kernels = (base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base) / 'kernels'
    kernels.mkdir(exist_ok=True)
    (folder / 'mmdeeplab').mkdir()
    (folder / 'mmdeeplab/kernels').symlink_to(kernels)
    os.environ.update(XDG_CACHE_HOME=str(folder), MMDEEPLAB_CACHE=str(folder / 'mmdeeplab'))


@pytest.fixture(scope='session', autouse=True)
def _no_layout() -> Iterator[None]:
    """MMEngine lays out the config four times a run, which takes longer than a small run.

    The commands that tests start as processes do it.
    """
    with pytest.MonkeyPatch.context() as patch:
        if find_spec('yapf'):
            patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, False))
        yield


@pytest.fixture(autouse=True)
def _seed() -> None:
    if WITH_TORCH:
        torch.manual_seed(0)


@pytest.fixture
def build() -> Callable[..., nn.Module]:
    """Build the segmentor of ``configs/NAME.py``, with overrides by dotted key."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    def build_model(name: str, **options: object) -> nn.Module:
        cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
        init_default_scope('mmseg')
        return MODELS.build(cfg.model)

    return build_model
