"""A tiny VOC, and Coral's network with random weights, for tests of heads behind an encoder."""

from pathlib import Path

import torch

from benchmarks.ablation.heads import CONFIG
from benchmarks.networks import network
from mmdeeplab.datasets.mini_voc import MiniVoc, generate


def write_voc_and_weights(folder: Path, train: int) -> tuple[Path, Path]:
    """Write ``train`` training and two validation pictures, and a checkpoint; return both paths.

    The weights have calibrated statistics.
    """
    generate(folder / 'voc', MiniVoc(train=train, val=2, size=64), quiet=True)
    model = network(Path(CONFIG).stem)[0]
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'w.pth')
    return folder / 'voc', folder / 'w.pth'
