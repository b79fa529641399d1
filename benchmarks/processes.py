"""The same work in several processes at once."""

import multiprocessing
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.case import Scale, Work

_call: Callable[[], object] | None = None


def predictions(config: str, side: int, count: int, scale: Scale) -> Work:
    """Images through ``count`` processes that live as long as the work; one thread each."""
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(count, context, _begin, (config, side))
    images = scale.of(4, 2)

    def call() -> None:
        list(pool.map(_run, range(images)))

    return Work(call, images)


def _begin(config: str, side: int) -> None:
    global _call
    from mmdeeplab.weights.reference_models import FOLDER

    # Inherited; a torchvision for another torch would be imported from there.
    sys.path[:] = [path for path in sys.path if path != str(FOLDER)]
    from benchmarks.networks import ours
    from mmdeeplab.config.load import quiet_imports

    warnings.filterwarnings('ignore')
    torch.set_num_threads(1)
    quiet_imports()
    with TemporaryDirectory() as folder:
        _call = ours(config, side, Path(folder)).call


def _run(number: int) -> None:
    assert _call is not None
    _call()
