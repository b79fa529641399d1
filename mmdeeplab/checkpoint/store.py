"""Save and load whole checkpoints."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from mmdeeplab.checkpoint.pytree import flatten, restore
from mmdeeplab.checkpoint.safetensors_layout import MARK, ZEROS, blocks, header, read_header, verify
from mmdeeplab.fileio.atomic import Disk, replacing


def save(path: Path, tree: Mapping, disk: Disk, summary: Mapping | None = None) -> int:
    """Write a checkpoint, tensor by tensor, without a second copy in memory.

    Args:
        path: The file, which gets its name only when it is complete and on the disk.
        tree: Nested dicts, lists, tuples, plain values, arrays and tensors.
        disk: Makes the calls to the file system.
        summary: Plain values that :func:`read_summary` reads without reading the whole file.

    Returns:
        The number of bytes written.

    Raises:
        NotSaved: The file cannot be written.
        TypeError: The tree has something that cannot be stored.
    """
    tensors, node = flatten(tree)
    head, order = header(tensors, summary or {}, node)
    needed = len(head) + sum(t.numel() * t.element_size() for t in tensors.values())
    digest = hashlib.sha256(head)
    with replacing(path, disk, needed) as file:
        disk.write(file, head)
        for name in order:
            for block in blocks(tensors[name]):
                digest.update(block)
                disk.write(file, block)
        file.seek(head.find(MARK + ZEROS.encode()) + len(MARK))
        disk.write(file, digest.hexdigest().encode())
    return needed


def load(path: str | Path, device: str = 'cpu') -> dict:
    """Read a checkpoint of ours, or the weights in any safetensors file.

    Returns:
        The tree that was saved; for files of other origin ``state_dict``, and metadata as ``meta``.

    Raises:
        Damaged: The checksum does not fit.
    """
    meta = verify(path)
    tensors = load_file(path, device=device)
    if meta is None:
        return dict(state_dict=tensors, meta=foreign_metadata(path))
    tree = restore(json.loads(meta['tree']), tensors)
    if not isinstance(tree, dict):
        raise ValueError('no checkpoint')
    return tree


def foreign_metadata(path: str | Path) -> dict:
    """The metadata of any safetensors file; values that are JSON are parsed."""

    def plain(text: str) -> object:
        try:
            return json.loads(text)
        except ValueError:
            return text

    return {key: plain(text) for key, text in read_header(path).get('__metadata__', {}).items()}


def snapshot(tree: object) -> object:
    """A copy of ``tree`` with its tensors copied to the CPU, to be saved in the background."""
    if isinstance(tree, Tensor):
        return torch.empty_like(tree, device='cpu').copy_(tree.detach())
    if isinstance(tree, Mapping):
        return {key: snapshot(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(snapshot(item) for item in tree)
    return tree
