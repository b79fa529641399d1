"""The metadata in the archives that PyTorch writes."""

import zipfile
from pathlib import Path

from mmdeeplab.inference.accelerate.artefact import METADATA


def read_extra(path: Path) -> str:
    """Read the metadata, as JSON, without building the network; empty if there are none."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(f'/extra/{METADATA}')]
        return archive.read(names[0]).decode() if names else ''
