"""Read the blobs of a ``.caffemodel`` without Caffe.

Field numbers from Caffe's `src/caffe/proto/caffe.proto`.
"""

from collections.abc import Iterator
from pathlib import Path

from mmdeeplab.fileio.input_files import read_bytes
from mmdeeplab.weights.readers.protobuf import Message, shaped
from mmdeeplab.weights.table import Array

# fields of NetParameter; of LayerParameter and V1LayerParameter: name, type, blobs
LAYERS = {100: (1, 2, 7), 2: (4, 5, 6)}
BLOB_DATA, BLOB_SHAPE, BLOB_DOUBLES, SHAPE_DIM = 5, 7, 8, 1
OLD_SHAPE = (1, 2, 3, 4)
NAMES = {'BatchNorm': ('mean', 'variance', 'factor')}
NAMES_ELSE = ('weights', 'biases')


def read_blobs(path: Path) -> dict[str, Array]:
    """Read all blobs: LAYER/weights and LAYER/biases, or LAYER/mean, /variance and /factor.

    Raises:
        DamagedError: The file is not a ``.caffemodel``, or is cut off.
    """
    net = Message(memoryview(read_bytes(path)))
    return dict(blobs(net))


def blobs(net: Message) -> Iterator[tuple[str, Array]]:
    """Yield the name and the array of every blob."""
    for field, (name, layer_type, blob) in LAYERS.items():
        for layer in net.messages(field):
            # the old format has a number for its type, and no BatchNorm
            names = NAMES.get(layer.text(layer_type), NAMES_ELSE) if field == 100 else NAMES_ELSE
            for leaf, message in zip(names, layer.messages(blob), strict=False):
                yield f'{layer.text(name)}/{leaf}', array(message)


def array(blob: Message) -> Array:
    """The array of a BlobProto; in the old format all arrays have four dimensions."""
    values = blob.values(BLOB_DATA, '<f4')
    if not values.size:
        values = blob.values(BLOB_DOUBLES, '<f8')
    shape = blob.messages(BLOB_SHAPE)
    if shape:
        return shaped(values, shape[-1].integers(SHAPE_DIM))
    dims = [blob.number(field) for field in OLD_SHAPE]
    while len(dims) > 1 and dims[0] == 1:
        dims.pop(0)
    return shaped(values, dims)
