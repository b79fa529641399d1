"""Saving and loading a training state: weights and momentum of DeepLabv3+ on Xception-65."""

from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.runner import load_checkpoint, save_checkpoint
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.case import Comparison, Scale, Variant, Work
from benchmarks.cases.inference import SMALL, XCEPTION
from benchmarks.networks import network
from mmdeeplab.checkpoint import store
from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.fileio.atomic import Disk

MEBI = 2**20


def setup(scale: Scale) -> list[Comparison]:
    """Saving and loading. Ours hashes every byte and waits for the disk; the others do neither."""
    model, _ = network(SMALL if scale.tiny else XCEPTION)
    momentum = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
    tree = dict(state_dict=dict(model.state_dict()), optimizer=momentum, meta=dict(iter=1))
    pickled, ours, flat = (scale.folder / n for n in ('a.pth', 'b.safetensors', 'c.safetensors'))
    tensors = {**tree['state_dict'], **{f'momentum.{n}': t for n, t in momentum.items()}}
    size = sum(t.numel() * t.element_size() for t in tensors.values()) / MEBI
    save_checkpoint(tree, str(pickled))
    store.save(ours, tree, Disk())
    save_file(tensors, flat)
    return [
        compare(
            f'saving {size:.0f} MiB',
            lambda: save_checkpoint(tree, str(pickled)),
            lambda: store.save(ours, tree, Disk()),
            lambda: save_file(tensors, flat),
        ),
        compare(
            f'loading {size:.0f} MiB',
            loader(model, pickled),
            lambda: model.load_state_dict(read_checkpoint(ours)['state_dict']),
            lambda: load_file(flat),
        ),
    ]


def loader(model: nn.Module, path: Path) -> Callable[[], object]:
    return lambda: load_checkpoint(model, str(path), map_location='cpu')


def compare(
    title: str,
    theirs: Callable[[], object],
    ours: Callable[[], object],
    bare: Callable[[], object],
) -> Comparison:
    """MMEngine's functions are the reference."""
    variants = (
        Variant("MMEngine's", lambda: Work(theirs), 'mmengine'),
        Variant('ours, with checksum', lambda: Work(ours)),
        Variant('bare safetensors, no checksum', lambda: Work(bare), 'safetensors'),
    )
    return Comparison(title, variants, "MMEngine's", unit='file')
