"""TorchScript: ``torch.jit.load(path)(image)``, in Python, C++ and on phones."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import torch

from mmdeeplab.export.extra import read_extra as metadata
from mmdeeplab.export.formats import METADATA, ArtefactSpec, Run
from mmdeeplab.export.program import writing_graph

__all__ = ['metadata', 'open_run', 'write']


def write(artefact: ArtefactSpec, path: Path) -> None:
    """Trace a graph; sizes that are read in it stay open.

    Raises:
        UserError: It cannot be traced.
    """
    with writing_graph(artefact), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # deprecation, and shapes compared with constants
        traced = torch.jit.trace(
            artefact.graph.eval(), artefact.graph.example(artefact.size), check_trace=False
        )
        file = io.BytesIO()  # PyTorch's own writer ends the process where a disk is full
        torch.jit.save(traced, file, _extra_files={METADATA: json.dumps(artefact.metadata)})
    path.write_bytes(file.getbuffer())


def open_run(path: Path, precision: str) -> Run:
    """Load a TorchScript file by ``torch.jit.load``, as another program would."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        program = torch.jit.load(str(path), map_location='cpu')

    @torch.no_grad()
    def run(image: np.ndarray) -> np.ndarray:
        return program(torch.from_numpy(image)).numpy()

    return run
