"""A disk that takes no more is an error of the system, which the command tells; no process dies."""

import os
import resource
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from robustness.tiny import in_child
from torch import Tensor, nn

from mmdeeplab.export import pt2, torchscript

SIZE = 300_000  # bytes that a file may have


class Wide(nn.Module):
    """A network of more bytes than fit, with what the writers ask a graph for."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(400, 400)

    def forward(self, image: Tensor) -> Tensor:
        return self.linear(image)

    def example(self, size: object) -> Tensor:
        return torch.zeros(1, 400)


def exported(artefact: SimpleNamespace) -> torch.export.ExportedProgram:
    return torch.export.export(artefact.graph, (artefact.graph.example(None),))


@pytest.mark.parametrize('module', [torchscript, pt2])
@pytest.mark.parametrize('room', [False, True])
def test_a_full_disk_is_an_error_not_an_abort(
    module: object, room: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pt2, 'exported', exported)
    artefact = SimpleNamespace(graph=Wide().eval(), size=None, metadata={'a': 1}, precision='float')
    path = tmp_path / ('x.pt' if module is torchscript else 'x.pt2')

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if not room:
            resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, SIZE))
        try:
            module.write(artefact, path)  # type: ignore[attr-defined]
        except OSError as error:
            os._exit(7 if error.strerror == 'File too large' else 8)

    assert in_child(work) == (0 if room else 7)
    if room:
        assert module.metadata(path) == '{"a": 1}'  # type: ignore[attr-defined]
