"""A graph as torch.export and torch.jit have it, from which the other formats are made."""

import contextlib
import warnings
from collections.abc import Iterator

import torch

from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate.artefact import ArtefactSpec


@contextlib.contextmanager
def writing_graph(artefact: ArtefactSpec) -> Iterator[None]:
    """Say what an exporter could not take.

    Raises:
        UserError: In the place of whatever the exporter raises.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        why = lines[0] if lines else type(error).__name__
        how = (
            f'at the one size {artefact.size[0]}x{artefact.size[1]}'
            if artefact.size
            else 'with open sizes (--dynamic); without it, --size H W fixes one'
        )
        raise UserError(f'this network cannot be exported {how}: {why[:300]}') from error


def exported(artefact: ArtefactSpec) -> torch.export.ExportedProgram:
    """The graph, with batch and sizes open where no size is given.

    Raises:
        UserError: An operation decides something by the size.
    """
    example = artefact.graph.example(artefact.size)
    axes = dict.fromkeys(artefact.graph.axes(), torch.export.Dim.DYNAMIC)
    with writing_graph(artefact), torch.no_grad():
        return torch.export.export(
            artefact.graph.eval(), (example,), dynamic_shapes=None if artefact.size else (axes,)
        )


def traced(artefact: ArtefactSpec) -> torch.jit.ScriptModule:
    """The graph as it was traced; sizes that are read in it stay open.

    Raises:
        UserError: It cannot be traced.
    """
    with writing_graph(artefact), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # deprecation, and shapes compared with constants
        return torch.jit.trace(
            artefact.graph.eval(), artefact.graph.example(artefact.size), check_trace=False
        )
