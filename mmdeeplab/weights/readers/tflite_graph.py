"""Read the convolutions of a TensorFlow Lite graph, as floats, and how they are connected."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.weights.table import Array

# What the schema calls its number formats.
FORMATS = {
    'FLOAT32': np.float32,
    'FLOAT16': np.float16,
    'INT32': np.int32,
    'UINT8': np.uint8,
    'INT8': np.int8,
    'INT64': np.int64,
    'INT16': np.int16,
}
CONVOLUTIONS = {'CONV_2D': False, 'DEPTHWISE_CONV_2D': True}  # name -> depthwise


class UnreadableError(UserError):
    """The file is not TensorFlow Lite, or has something that is not supported here."""


@contextmanager
def damage_named() -> Iterator[None]:
    """Turn the errors that the schema's readers raise on damaged files into one kind."""
    try:
        yield
    except UserError:
        raise
    except (struct.error, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f'damaged or cut short ({error})') from error


class Layer(NamedTuple):
    """One convolution of a graph.

    ``weights`` is (out, H, W, in), or (1, H, W, C) if ``depthwise``. ``source`` is the number of
    the convolution before it (None for the image), and ``through`` names the operators between the
    two.
    """

    number: int
    depthwise: bool
    weights: Array
    bias: Array
    source: int | None
    through: frozenset[str]


class Operator(NamedTuple):
    """A node of a graph: its name in the schema, and the numbers of its tensors."""

    name: str
    inputs: Sequence[int]
    outputs: Sequence[int]


class TFLiteGraph:
    """The first subgraph of a TensorFlow Lite file.

    Args:
        data: The whole file.

    Raises:
        UnreadableError: The file is not TensorFlow Lite.
        UserError: The package `tflite` is not installed.
    """

    def __init__(self, data: bytes) -> None:
        try:
            import tflite
        except ImportError as error:
            raise UserError(
                "reading a .tflite file needs the package tflite: pip install 'mmdeeplab[tflite]'"
            ) from error
        if data[4:8] != b'TFL3':
            raise UnreadableError('not a TensorFlow Lite file')
        self.formats = {getattr(tflite.TensorType, k): v for k, v in FORMATS.items()}
        with damage_named():
            self.model = tflite.Model.GetRootAsModel(data, 0)
            self.graph = self.model.Subgraphs(0)
            self.operators = list(self._operators(vars(tflite.BuiltinOperator)))
        self.producers = {out: op for op in self.operators for out in op.outputs}

    def _operators(self, numbers: dict[str, Any]) -> Iterator[Operator]:
        names = {number: name for name, number in numbers.items() if isinstance(number, int)}
        for i in range(self.graph.OperatorsLength()):
            node = self.graph.Operators(i)
            code = self.model.OperatorCodes(node.OpcodeIndex())
            # files from before schema 3a keep the number in the deprecated field
            name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            yield Operator(name, node.InputsAsNumpy().tolist(), node.OutputsAsNumpy().tolist())

    def layers(self) -> list[Layer]:
        """All convolutions, in the order of execution.

        Raises:
            UnreadableError: Weights are missing, cut off or in an unknown format.
        """
        with damage_named():
            return list(self._layers())

    def _layers(self) -> Iterator[Layer]:
        nodes = [op for op in self.operators if op.name in CONVOLUTIONS]
        numbers = {id(op): i for i, op in enumerate(nodes)}
        for i, op in enumerate(nodes):
            depthwise = CONVOLUTIONS[op.name]
            weights = self.constant(op.inputs[1])
            if len(op.inputs) > 2 and op.inputs[2] >= 0:
                bias = self.constant(op.inputs[2])
            else:
                bias = np.zeros(weights.shape[3 if depthwise else 0], np.float32)
            origin, through = self._trace(op.inputs[0])
            source = numbers[id(origin)] if origin else None
            yield Layer(i, depthwise, weights=weights, bias=bias, source=source, through=through)

    def _trace(self, tensor: int) -> tuple[Operator | None, frozenset[str]]:
        """The convolution before a tensor, along first inputs, and the operators between."""
        through: set[str] = set()
        while op := self.producers.get(tensor):
            if op.name in CONVOLUTIONS:
                return op, frozenset(through)
            through.add(op.name)
            tensor = next((t for t in op.inputs if t in self.producers), op.inputs[0])
        return None, frozenset(through)

    def constant(self, tensor: int) -> Array:
        """The values of a constant as float32, dequantised if need be."""
        op = self.producers.get(tensor)
        if op and op.name == 'DEQUANTIZE':  # float16 files widen their weights in the graph
            tensor = op.inputs[0]
        info = self.graph.Tensors(tensor)
        name = (info.Name() or b'').decode()
        data = self.model.Buffers(info.Buffer()).DataAsNumpy()
        if info.Type() not in self.formats or isinstance(data, int):
            raise UnreadableError(f'tensor "{name}" has no constant values of a known format')
        shape = [info.Shape(i) for i in range(info.ShapeLength())]
        values = data.view(self.formats[info.Type()]).reshape(shape)
        quantisation = info.Quantization()
        if values.dtype.kind == 'f' or quantisation is None or not quantisation.ScaleLength():
            return values.astype(np.float32)
        along = [1] * len(shape)
        along[quantisation.QuantizedDimension()] = -1  # one scale, or one per channel
        scale = quantisation.ScaleAsNumpy().astype(np.float64).reshape(along)
        zero = quantisation.ZeroPointAsNumpy().astype(np.float64).reshape(along)
        return (scale * (values - zero)).astype(np.float32)
