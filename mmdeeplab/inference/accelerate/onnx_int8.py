"""The quantiser of :mod:`mmdeeplab.inference.accelerate.int8` for ONNX files, in QDQ form."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from mmdeeplab.inference.accelerate.artefact import INPUT
from mmdeeplab.inference.accelerate.int8 import best_range, some
from mmdeeplab.inference.accelerate.onnx import describe, open_run

ACTIVATIONS = ('Relu', 'Clip')
QUANTISED = ['Conv', *ACTIVATIONS]  # a ReLU is folded into the range of the convolution before it


class OnnxQuantiser:
    """Makes int8 files from an ONNX file in float.

    Ranges, and the layers that stay in float, are those of
    :class:`mmdeeplab.inference.accelerate.int8.Quantiser`.

    Args:
        source: The file in float.
        inputs: Inputs of the network for calibration.
    """

    def __init__(self, source: Path, inputs: Sequence[np.ndarray]) -> None:
        self.source, self.inputs = source, list(inputs)
        self.model = onnx.load(source)
        result = calibrate(self.model, source, self.inputs)
        self.ranges = TensorsData(CalibrationMethod.MinMax, result.ranges)
        # layer -> names of its nodes: the convolution and the ReLU behind it
        self.layers: dict[str, list[str]] = {}
        for name, nodes in layer_nodes(self.model, result.pooled):
            self.layers.setdefault(name, []).extend(nodes)

    def write(self, path: Path, metadata: dict, in_float: Sequence[str] = ()) -> None:
        """Write the network with all layers in int8, except those named in ``in_float``."""
        float_nodes = {node for layer in in_float for node in self.layers[layer]}
        nodes = [
            node for names in self.layers.values() for node in names if node not in float_nodes
        ]
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        quantiser = QDQQuantizer(
            copy,
            True,  # a scale for each channel
            False,
            QuantType.QInt8,
            QuantType.QUInt8,
            self.ranges,
            nodes,
            [],
            QUANTISED,
            dict(WeightSymmetric=True),
        )
        if nodes:
            quantiser.quantize_model()
        quantiser.model.save_model_to_file(str(path), False)
        describe(path, metadata)

    @cached_property
    def by_harm(self) -> list[str]:
        """The layers, sorted by how much the output changes if only this layer is in int8.

        The change is the share of changed labels, or the root mean square of changed scores, on the
        first calibration input. The layer with the largest one comes first.
        """
        path = self.source.with_name('one.onnx')
        expected = open_run(self.source, 'float')(self.inputs[0])
        harm = {}
        for layer in self.layers:
            self.write(path, {}, [other for other in self.layers if other != layer])
            output = open_run(path, 'int8')(self.inputs[0])
            if expected.dtype == np.uint8:
                harm[layer] = float((output != expected).mean())
            else:
                harm[layer] = float(np.square(output - expected).mean() ** 0.5)
        return sorted(harm, key=lambda layer: -harm[layer])


def watched(source: Path, tensors: Sequence[str], inputs: Sequence[np.ndarray]) -> Iterator[list]:
    """Run a file and yield the values of some of its inner tensors, for each input."""
    model = onnx.load(source)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider']
    )
    for image in inputs:
        yield session.run(list(tensors), {INPUT: image})


class CalibrationResult(NamedTuple):
    """The result of calibration: ranges for ONNX Runtime, and names of maps of one pixel."""

    ranges: dict[str, tuple[np.ndarray, np.ndarray]]
    pooled: set[str]


def calibrate(
    model: onnx.ModelProto, source: Path, inputs: Sequence[np.ndarray]
) -> CalibrationResult:
    """Find the ranges of values that quantised nodes read and write."""
    nodes = [node for node in model.graph.node if node.op_type in QUANTISED]
    tensors = list(dict.fromkeys(t for node in nodes for t in (node.input[0], node.output[0])))
    samples: dict[str, list[torch.Tensor]] = {name: [] for name in tensors}
    result = CalibrationResult({}, set())
    for values in watched(source, tensors, inputs):
        for name, value in zip(tensors, values, strict=True):
            samples[name].append(some(torch.from_numpy(value).flatten()))
            if value.shape[2:] == (1, 1):
                result.pooled.add(name)
    for name, parts in samples.items():
        low, high = best_range(torch.cat(parts))
        result.ranges[name] = (np.array(low, np.float32), np.array(high, np.float32))
    return result


def layer_nodes(model: onnx.ModelProto, pooled: set[str]) -> Iterator[tuple[str, list[str]]]:
    """The convolutions that may be in int8: names of their nodes, by the network's module."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    convolutions = [node for node in model.graph.node if node.op_type == 'Conv']
    for node in convolutions[1:-1]:
        if node.output[0] in pooled:
            continue
        followers = readers.get(node.output[0], [])
        fused = [follower.name for follower in followers if follower.op_type in ACTIVATIONS]
        name = node.input[1].removeprefix('model.').removesuffix('.weight')
        yield name, [node.name, *(fused if len(followers) == 1 else [])]
