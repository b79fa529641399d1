"""What a piece is told, and how it tells what it found."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.case import Scale

ROWS = 'rows.jsonl'


@dataclass(frozen=True)
class Job(Scale):
    """The work of one piece.

    Attributes:
        device: ``cuda`` or ``cpu``.
    """

    device: str = 'cuda'

    @property
    def rated(self) -> bool:
        """Whether times mean something: on a GPU, at the published sizes."""
        return self.device == 'cuda' and not self.tiny

    def note(self, what: str, found: str, wanted: str = '', met: bool | None = None) -> None:
        """Keep one answer at once, also where the piece does not come to its end.

        Args:
            what: What was looked at.
            found: What was seen, in words.
            wanted: What it should be; empty where the answer is only told.
            met: Whether it is.
        """
        self.keep(dict(what=what, found=found, wanted=wanted, met=met))

    def keep(self, row: dict[str, Any]) -> None:
        """Append one result to the file of results at once."""
        with (self.folder / ROWS).open('a', encoding='utf-8') as file:
            file.write(json.dumps(row) + '\n')

    def wait(self) -> None:
        """Wait until the device has done everything that it was given."""
        if self.device == 'cuda':
            torch.cuda.synchronize()


def rows(folder: Path) -> list[dict]:
    """What a piece has kept so far."""
    file = folder / ROWS
    lines = file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
    return [json.loads(line) for line in lines if line.endswith('}')]
