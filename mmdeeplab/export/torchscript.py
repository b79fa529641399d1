"""Write and run TorchScript: ``torch.jit.load(path)(image)``, in Python, C++ and on phones."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import torch

from mmdeeplab.export.extra import read_extra as metadata
from mmdeeplab.inference.accelerate.artefact import METADATA, ArtefactSpec, Run
from mmdeeplab.inference.accelerate.program import traced, writing_graph

__all__ = ['metadata', 'open_run', 'write']


def write(artefact: ArtefactSpec, path: Path) -> None:
    """Trace a graph; sizes that are read in it stay open.

    Raises:
        UserError: It cannot be traced.
    """
    program, extra = traced(artefact), {METADATA: json.dumps(artefact.metadata)}
    file = io.BytesIO()  # PyTorch's own writer ends the process where a disk is full
    with writing_graph(artefact), warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.jit.save(program, file, _extra_files=extra)
    path.write_bytes(file.getbuffer())


def open_run(path: Path, precision: str) -> Run:
    """Load a TorchScript file by ``torch.jit.load``; return the function that runs it."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        program = torch.jit.load(str(path), map_location='cpu')

    @torch.no_grad()
    def run(image: np.ndarray) -> np.ndarray:
        return program(torch.from_numpy(image)).numpy()

    return run
