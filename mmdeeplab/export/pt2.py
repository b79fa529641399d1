"""Write and run PyTorch's exported programs: ``torch.export.load(path).module()(image)``."""

import io
import json
from pathlib import Path

import numpy as np
import torch

from mmdeeplab.export.extra import read_extra as metadata
from mmdeeplab.inference.accelerate.artefact import METADATA, ArtefactSpec, Run
from mmdeeplab.inference.accelerate.program import exported

__all__ = ['metadata', 'open_run', 'write']


def write(artefact: ArtefactSpec, path: Path) -> None:
    """Write a graph.

    Raises:
        UserError: It cannot be exported.
    """
    program = exported(artefact)
    for node in program.graph.nodes:
        node.meta.pop('stack_trace', None)  # paths of this machine
    file = io.BytesIO()  # PyTorch's own writer ends the process where a disk is full
    torch.export.save(program, file, extra_files={METADATA: json.dumps(artefact.metadata)})
    path.write_bytes(file.getbuffer())


def open_run(path: Path, precision: str) -> Run:
    """Load an exported program by ``torch.export.load``; return the function that runs it."""
    program = torch.export.load(path).module()

    @torch.no_grad()
    def run(image: np.ndarray) -> np.ndarray:
        return program(torch.from_numpy(image)).numpy()

    return run
