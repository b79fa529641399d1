"""A graph as torch.export has it, from which pt2 and ONNX are made."""

import contextlib
from collections.abc import Iterator

import torch

from mmdeeplab.errors import UserError
from mmdeeplab.export.formats import ArtefactSpec


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
