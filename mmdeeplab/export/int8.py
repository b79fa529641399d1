"""Calibrated int8: convolutions in 8 bits, and in float those that cost too much."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from mmdeeplab.export.graph import INPUT
from mmdeeplab.export.onnx import describe, open_run

ACTIVATIONS = ('Relu', 'Clip')
QUANTISED = ['Conv', *ACTIVATIONS]  # a ReLU is folded into the range of the convolution before it


class Reader(CalibrationDataReader):
    """Hands calibration inputs to ONNX Runtime, one after the other."""

    def __init__(self, inputs: Sequence[np.ndarray]) -> None:
        self.inputs = iter(inputs)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.inputs, None)
        return None if image is None else {INPUT: image}


class Quantiser:
    """An ONNX file in float and the ranges of its tensors, from which int8 files are made.

    Activations take 8 bits between their smallest and largest calibrated value, weights 8 bits for
    each output channel.

    Args:
        source: The file.
        inputs: What to calibrate on, as the network takes them.
    """

    def __init__(self, source: Path, inputs: Sequence[np.ndarray]) -> None:
        self.source, self.inputs = source, list(inputs)
        self.model = onnx.load(source)
        augmented = source.with_name('augmented.onnx')
        calibrator = create_calibrator(source, QUANTISED, str(augmented))
        calibrator.collect_data(Reader(self.inputs))
        self.ranges = calibrator.compute_data()
        # layer -> names of its nodes: the convolution and the ReLU behind it
        self.layers = dict(layer_nodes(self.model))

    def write(self, path: Path, metadata: dict, in_float: Sequence[str] = ()) -> None:
        """Write the network with all layers in int8, but those of ``in_float``."""
        left = {node for layer in in_float for node in self.layers[layer]}
        nodes = [node for names in self.layers.values() for node in names if node not in left]
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
        """The layers, first the one whose int8 alone changes the output most.

        The change is the share of changed labels, or the root mean square of changed scores, on the
        first calibration picture.
        """
        path = self.source.with_name('one.onnx')
        wanted = open_run(self.source, 'float')(self.inputs[0])
        harm = {}
        for layer in self.layers:
            self.write(path, {}, [other for other in self.layers if other != layer])
            found = open_run(path, 'int8')(self.inputs[0])
            if wanted.dtype == np.uint8:
                harm[layer] = float((found != wanted).mean())
            else:
                harm[layer] = float(np.square(found - wanted).mean() ** 0.5)
        return sorted(harm, key=lambda layer: -harm[layer])


def layer_nodes(model: onnx.ModelProto) -> Iterator[tuple[str, list[str]]]:
    """Names of convolutions as modules of the network, and their nodes."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in model.graph.node:
        if node.op_type == 'Conv':
            behind = readers.get(node.output[0], [])
            fused = [other.name for other in behind if other.op_type in ACTIVATIONS]
            name = node.input[1].removeprefix('model.').removesuffix('.weight')
            yield name, [node.name, *(fused if len(behind) == 1 else [])]
