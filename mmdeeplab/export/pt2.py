"""PyTorch's exported programs: ``torch.export.load(path).module()(image)``."""

import json
from pathlib import Path

import numpy as np
import torch

from mmdeeplab.export.formats import METADATA, Run, Wish
from mmdeeplab.export.program import exported


def write(wish: Wish, path: Path) -> None:
    """Write a graph.

    Raises:
        UserError: It cannot be exported.
    """
    extra = {METADATA: json.dumps(wish.metadata)}
    torch.export.save(exported(wish), path, extra_files=extra)


def open_run(path: Path, precision: str) -> Run:
    """Load it as another program would."""
    program = torch.export.load(path).module()

    @torch.no_grad()
    def run(image: np.ndarray) -> np.ndarray:
        return program(torch.from_numpy(image)).numpy()

    return run


def metadata(path: Path) -> str:
    """What is known of it, as JSON."""
    extra = {METADATA: ''}
    torch.export.load(path, extra_files=extra)
    return extra[METADATA]
