"""The extra file that tells what an artefact is, in the archives that PyTorch writes."""

import zipfile
from pathlib import Path

from mmdeeplab.inference.accelerate.artefact import METADATA


def read_extra(path: Path) -> str:
    """Read it without building the network; empty where there is none."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(f'/extra/{METADATA}')]
        return archive.read(names[0]).decode() if names else ''
