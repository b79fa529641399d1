"""Export or trace a graph by torch.export or torch.jit, from which other formats are made."""

import contextlib
import warnings
from collections.abc import Iterator

import torch

from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate.artefact import ArtefactSpec


@contextlib.contextmanager
def writing_graph(artefact: ArtefactSpec) -> Iterator[None]:
    """Turn any error of an exporter in the block into a sentence.

    Raises:
        UserError: In place of whatever the exporter raises.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[0] if lines else type(error).__name__
        how = (
            f'at the one size {artefact.size[0]}x{artefact.size[1]}'
            if artefact.size
            else 'with open sizes (--dynamic); without it, --size H W fixes one'
        )
        raise UserError(f'this network cannot be exported {how}: {reason[:300]}') from error


def exported(artefact: ArtefactSpec) -> torch.export.ExportedProgram:
    """Export a graph by torch.export; without a given size, batch and sizes stay open.

    Raises:
        UserError: An operation depends on a size in a way that cannot be exported.
    """
    example = artefact.graph.example(artefact.size)
    axes = dict.fromkeys(artefact.graph.axes(), torch.export.Dim.DYNAMIC)
    with writing_graph(artefact), torch.no_grad():
        return torch.export.export(
            artefact.graph.eval(), (example,), dynamic_shapes=None if artefact.size else (axes,)
        )


def traced(artefact: ArtefactSpec) -> torch.jit.ScriptModule:
    """Trace a graph by torch.jit; sizes that are read in it stay open.

    Raises:
        UserError: The graph cannot be traced.
    """
    with writing_graph(artefact), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # deprecation, and shapes compared with constants
        return torch.jit.trace(
            artefact.graph.eval(), artefact.graph.example(artefact.size), check_trace=False
        )
