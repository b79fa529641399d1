"""The other projects' own networks beside ours, for ``--check`` and the tests.

Each module has ``build``, which makes the network by its project's own code from the very arrays
that were converted, and ``INSTALL`` if the project comes otherwise than here. None is needed to
convert.
"""

import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from torch import Tensor, library

# Where `make env` puts their packages, outside the environment's own packages.
FOLDER = Path(sys.prefix) / 'peers'
INSTALL = f'make env, or pip install --no-deps --target {FOLDER} -r requirements-peers.txt'
SIZES = ((129, 129), (128, 160))


class ReferenceModel(NamedTuple):
    """``run`` takes a picture, uint8 RGB (1, 3, H, W), and the same as our network sees it.

    It returns logits (1, classes, H, W) or, of a backbone, its last map. ``sizes`` are the (H, W)
    on which to compare. With ``labels`` it returns class ids (1, H, W) instead.
    """

    run: Callable[[Tensor, Tensor], Tensor]
    sizes: tuple[tuple[int, int], ...] = SIZES
    labels: bool = False


# Operators that torchvision expects of its compiled part. None of them is in the networks here.
SCHEMAS = tuple(
    f'{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor' for name in ('nms', 'qnms')
)
_libraries: list[library.Library] = []


def load(name: str) -> ModuleType:
    """Import another project, from the environment or from :data:`FOLDER`.

    Where torchvision's compiled part does not fit this torch, torchvision is imported without.

    Raises:
        ImportError: It is not installed.
    """
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        with suppress(ModuleNotFoundError):  # transformers does without
            importlib.import_module('torchvision')
    except RuntimeError as error:
        if 'operator torchvision::' not in str(error):
            raise
        for module in [m for m in sys.modules if m.split('.')[0] == 'torchvision']:
            del sys.modules[module]
        operators = library.Library('torchvision', 'DEF')
        for schema in SCHEMAS:
            operators.define(schema)
        _libraries.append(operators)  # its end would take the operators away
    return importlib.import_module(name)
