"""Read the tensors of a TensorFlow checkpoint (`PREFIX.index`, `PREFIX.data-...`).

TensorFlow is not needed. The index is a sorted table in LevelDB's format: blocks of keys, in which
a key omits the beginning that it shares with the previous one, an index of the blocks, and a
footer. A value is a BundleEntryProto, which tells the position of the tensor's bytes in the data
files. After `core/lib/io/format.cc`,
`core/util/tensor_bundle/tensor_bundle.cc` and `core/protobuf/tensor_bundle.proto`.
"""

from collections.abc import Iterator
from pathlib import Path

from mmdeeplab.weights.readers.protobuf import DamagedError, Message, numbers, shaped
from mmdeeplab.weights.table import Array

FOOTER, MAGIC = 48, 0xDB4775248B80FB57
# fields of BundleHeaderProto and BundleEntryProto, TensorShapeProto and its Dim
SHARDS, ENDIANNESS = 1, 2
DTYPE, SHAPE, SHARD, OFFSET, SIZE, SLICES = 1, 2, 3, 4, 5, 7
DIM, DIM_SIZE = 2, 1
DTYPES = {1: '<f4', 2: '<f8', 3: '<i4', 9: '<i8', 10: '?', 19: '<f2'}


def read_bundle(prefix: Path) -> dict[str, Array]:
    """Read all numeric variables, by name.

    Raises:
        DamagedError: The index or a data file is missing, damaged or cut off.
    """
    index = prefix.with_name(f'{prefix.name}.index')
    try:
        entries = dict(table(Message(memoryview(index.read_bytes()))))
        header = entries.pop('', None)
        if header is None or header.number(ENDIANNESS):
            raise DamagedError('it has no header of a little-endian checkpoint')
        count = header.number(SHARDS)
        return {name: tensor(entry, name, prefix, count) for name, entry in entries.items()}
    except DamagedError as error:
        raise DamagedError(
            f'{index} is not the index of a checkpoint, or damaged: {error}'
        ) from error


def read_bytes(path: Path, offset: int, size: int) -> bytes:
    """``size`` bytes of a data file from ``offset`` on."""
    if not path.is_file():
        raise DamagedError(f'{path} is missing')
    with path.open('rb') as file:
        file.seek(offset)
        data = file.read(size)
    if len(data) < size:
        raise DamagedError(f'{path} is cut short: {offset + size} bytes are needed')
    return data


def tensor(entry: Message, name: str, prefix: Path, count: int) -> Array:
    """The tensor that an entry points to, in one of ``count`` data files."""
    dtype = DTYPES.get(entry.number(DTYPE))
    if dtype is None or entry.messages(SLICES):
        raise DamagedError(f'{name} is partitioned, or of a type that no network here has')
    shape = [dim.number(DIM_SIZE) for dim in entry.message(SHAPE).messages(DIM)]
    shard = f'{prefix.name}.data-{entry.number(SHARD):05}-of-{count:05}'
    data = read_bytes(prefix.with_name(shard), entry.number(OFFSET), entry.number(SIZE))
    return shaped(numbers(data, dtype), shape)


def table(file: Message) -> Iterator[tuple[str, Message]]:
    """Keys and values of a sorted table."""
    if len(file.data) < FOOTER or int.from_bytes(file.data[-8:], 'little') != MAGIC:
        raise DamagedError('the end of a sorted table is missing')
    footer = Message(file.data[-FOOTER:])
    at = 0
    for _ in range(2):  # offset and size of an unused block
        _, at = footer.varint(at)
    for _, handle in block(file, footer, at):
        for key, value in block(file, handle, 0):
            yield key.decode(errors='replace'), value


def block(file: Message, handle: Message, at: int) -> Iterator[tuple[bytes, Message]]:
    """Keys and values of the block that a handle, offset and size, points to."""
    start, at = handle.varint(at)
    size, _ = handle.varint(at)
    if start + size + 5 > len(file.data):
        raise DamagedError('a block reaches beyond the end')
    if file.data[start + size]:
        raise DamagedError('its blocks are compressed, which TensorFlow does not do')
    data = Message(file.data[start : start + size])
    restarts = int.from_bytes(data.data[-4:], 'little')
    end, at, key = size - 4 * (restarts + 1), 0, b''
    if end < 0:
        raise DamagedError('a block is shorter than its own index')
    while at < end:
        shared, at = data.varint(at)
        unshared, at = data.varint(at)
        length, at = data.varint(at)
        if shared > len(key) or at + unshared + length > end:
            raise DamagedError('a key or value reaches beyond its block')
        key = key[:shared] + bytes(data.data[at : at + unshared])
        at += unshared
        yield key, Message(data.data[at : at + length])
        at += length
