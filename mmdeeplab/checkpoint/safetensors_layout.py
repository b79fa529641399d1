"""The file format of checkpoints: safetensors with a checksum over the whole file.

The metadata entry ``sha256`` is the digest of the file in which its own 64 digits are zeros. So a
changed bit is found anywhere: in a tensor, a name, a shape, the training state or the digest.
"""

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from mmdeeplab.checkpoint.pytree import Node
from mmdeeplab.fileio.checksum import first_bytes, starts_safetensors

VERSION = '1'
MARK, ZEROS = b'"sha256":"', '0' * 64
HEADER_LIMIT = 100_000_000  # safetensors' own
BLOCK = 1 << 22
DTYPES = {
    torch.float64: 'F64',
    torch.int64: 'I64',
    torch.float32: 'F32',
    torch.int32: 'I32',
    torch.float16: 'F16',
    torch.bfloat16: 'BF16',
    torch.int16: 'I16',
    torch.int8: 'I8',
    torch.uint8: 'U8',
    torch.bool: 'BOOL',
}


class Damaged(ValueError):
    """A file is not what was written; the message says what shows it."""


def header(tensors: Mapping[str, Tensor], summary: Mapping, tree: Node) -> tuple[bytes, list[str]]:
    """The header of a file, with zeros as checksum, and the order of the tensors after it.

    Raises:
        TypeError: A tensor has a type that safetensors does not know.
    """
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise TypeError(f'a checkpoint cannot hold {name}: it is {tensor.dtype}')
    # wide elements first keeps each tensor aligned
    order = sorted(tensors, key=lambda name: -tensors[name].element_size())
    meta = dict(
        mmdeeplab=VERSION,
        sha256=ZEROS,
        summary=json.dumps(summary),
        tree=json.dumps(tree, separators=(',', ':')),
    )
    entries: dict = {'__metadata__': meta}
    start = 0
    for name in order:
        tensor = tensors[name]
        end = start + tensor.numel() * tensor.element_size()
        entries[name] = dict(
            dtype=DTYPES[tensor.dtype], shape=list(tensor.shape), data_offsets=[start, end]
        )
        start = end
    text = json.dumps(entries, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text, order


def blocks(tensor: Tensor) -> Iterator[memoryview]:
    """Yield the bytes of a tensor on any device, a few megabytes at a time."""
    flat = tensor.detach().reshape(-1)
    step = max(BLOCK // tensor.element_size(), 1)
    for i in range(0, flat.numel(), step):
        yield flat[i : i + step].cpu().contiguous().view(torch.uint8).numpy().data


def read_header(path: str | Path) -> dict:
    """Read the JSON header of a safetensors file, without the rest of the file.

    Raises:
        Damaged: It is not a safetensors file.
    """
    with Path(path).open('rb') as file:
        return _parse(_head(file, Path(path).stat().st_size))


def is_safetensors(path: Path) -> bool:
    """Whether a file is safetensors by its content, or at least by its name."""
    return starts_safetensors(first_bytes(path)) or path.suffix.lower() == '.safetensors'


def _head(file: BinaryIO, size: int) -> bytes:
    start = file.read(8)
    length = struct.unpack('<Q', start)[0] if len(start) == 8 else 0
    if not 2 <= length <= min(HEADER_LIMIT, size - 8):
        raise Damaged('no safetensors file, or one cut short')
    return file.read(length)


def _parse(text: bytes) -> dict:
    try:
        entries = json.loads(text)
        if not isinstance(entries, dict) or not isinstance(entries.get('__metadata__', {}), dict):
            raise ValueError('no table')
    except (ValueError, RecursionError) as error:
        raise Damaged('its header cannot be read') from error
    return entries


def verify(path: str | Path) -> dict | None:
    """Check the checksum of the whole file.

    Returns:
        The metadata; None if the file has no checksum, as weights of other origin.

    Raises:
        Damaged: The checksum does not fit the content.
    """
    with Path(path).open('rb') as file:
        size = Path(path).stat().st_size
        text = _head(file, size)
        entries = _parse(text)
        meta = entries.pop('__metadata__', {})
        if 'sha256' not in meta or 'mmdeeplab' not in meta:
            # one flipped bit may have hidden the checksum, but not the names, too
            if {'tree', 'summary'} & set(meta):
                raise Damaged('its header is damaged')
            return None
        place = text.find(MARK) + len(MARK)
        digest = hashlib.sha256(struct.pack('<Q', len(text)))
        digest.update(text[:place] + ZEROS.encode() + text[place + len(ZEROS) :])
        while block := file.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != meta['sha256']:
        raise Damaged('its checksum does not fit its content')
    return meta
