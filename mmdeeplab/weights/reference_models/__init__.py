"""The networks of other projects, to compare ours with in ``--check`` and in tests.

Each module has ``build``, which builds the network by its project's own code from the same arrays
that are converted, and ``INSTALL`` if the project is installed in another way than :data:`INSTALL`
says. None of them is needed to convert weights.
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
    """Another project's network.

    ``run`` takes a picture, uint8 RGB (1, 3, H, W), and the same picture preprocessed for our
    network. It returns logits (1, classes, H, W), the last map of a backbone, or with ``labels``
    class ids (1, H, W). ``sizes`` are the (H, W) on which to compare.
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

    If torchvision's compiled part does not fit this PyTorch, torchvision is imported without it.

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
        _libraries.append(operators)  # the operators exist as long as this object
    return importlib.import_module(name)
