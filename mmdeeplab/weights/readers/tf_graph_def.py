"""Read the variables in a frozen graph of TensorFlow, ``.pb``, without TensorFlow.

Freezing turns each variable into a Const node of its name, which a node NAME/read passes on. BN is
not folded into these graphs. Field numbers from TensorFlow's `core/framework/{graph,node_def,
attr_value,tensor,tensor_shape,types}.proto`.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmdeeplab.fileio.input_files import read_bytes
from mmdeeplab.weights.readers.protobuf import DamagedError, Message, numbers, shaped
from mmdeeplab.weights.table import Array

NODE, NAME, OP, ATTR, KEY, VALUE, TENSOR = 1, 1, 2, 5, 1, 2, 8
DTYPE, SHAPE, CONTENT, DIM, SIZE = 1, 2, 4, 2, 1
FLOATS = {1: ('<f4', 5), 2: ('<f8', 6), 19: ('<f2', 13)}  # float, double, half: dtype, field
HALF = 19
LARGEST = 1 << 28  # numbers that a list of fewer may stand for
READS = ('/read', '/ReadVariableOp')
# What slim calls variables; graphs that were optimised have lost their reads.
LEAVES = {
    'weights',
    'depthwise_weights',
    'biases',
    'gamma',
    'beta',
    'moving_mean',
    'moving_variance',
}


def read_graph(path: Path) -> dict[str, Array]:
    """Read the frozen variables, by name.

    Raises:
        DamagedError: The file is not a graph, is cut off, or has no variables.
    """
    try:
        arrays = dict(variables(Message(memoryview(read_bytes(path)))))
    except DamagedError as error:
        raise DamagedError(f'{path} is not a frozen graph, or damaged: {error}') from error
    if not arrays:
        raise DamagedError(f'{path} holds no frozen variables: is it a graph without its weights?')
    return arrays


def variables(graph: Message) -> Iterator[tuple[str, Array]]:
    """Yield the name and the values of every Const node that was a variable."""
    nodes = graph.messages(NODE)
    names = {node.text(NAME) for node in nodes}
    for node in nodes:
        name = node.text(NAME)
        variable = name.rpartition('/')[2] in LEAVES or any(name + read in names for read in READS)
        if node.text(OP) == 'Const' and variable:
            yield name, constant(node, name)


def constant(node: Message, name: str) -> Array:
    """The tensor (float array) that a Const node of a graph holds."""
    for attribute in node.messages(ATTR):
        if attribute.text(KEY) == 'value':
            return tensor(attribute.message(VALUE).message(TENSOR), name)
    raise DamagedError(f'the constant {name} has no value')


def tensor(message: Message, name: str) -> Array:
    """The array of a float TensorProto, from bytes or from a list whose last value may repeat."""
    data_type = message.number(DTYPE)
    if data_type not in FLOATS:
        raise DamagedError(f'the variable {name} is of type {data_type}, not float, double or half')
    dtype, field = FLOATS[data_type]
    shape = [dim.number(SIZE) for dim in message.message(SHAPE).messages(DIM)]
    content = message.message(CONTENT).data
    if len(content):
        return shaped(numbers(content, dtype), shape)
    if data_type == HALF:
        values = np.array(message.integers(field), '<u2').view(dtype)
    else:
        values = message.values(field, dtype)
    count = math.prod(shape)
    if 0 < values.size < count <= LARGEST:  # all others equal the last
        values = np.concatenate([values, np.full(count - values.size, values[-1])])
    return shaped(values, shape)
