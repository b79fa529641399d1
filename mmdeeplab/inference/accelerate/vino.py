"""OpenVINO as an engine, where it is installed: a network converted for one size of input."""

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from mmdeeplab.inference.accelerate.calibrate import Calibration, best_range, some
from mmdeeplab.inference.accelerate.int8 import scale_of

CONVOLUTIONS = {'Convolution': 1, 'GroupConvolution': 2}
"""Kinds of nodes, and how many leading axes of their weights tell the output channel."""
PICTURES = 4  # looked at for ranges
Run = Callable[[Tensor], Tensor]


def installed() -> str:
    """The version of OpenVINO; empty where there is none."""
    return version('openvino') if find_spec('openvino') else ''


@cache
def has_bf16() -> bool:
    """Whether OpenVINO has bfloat16 on this processor; where not, it computes in float32."""
    import openvino

    return 'BF16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')


class Scores(nn.Module):
    """A segmentor from its normalised input to the head's scores."""

    def __init__(self, network: EncoderDecoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x, mode='tensor')


def converted(network: EncoderDecoder, x: Tensor) -> Any:
    """The network as OpenVINO's model for inputs of the size of ``x``."""
    import openvino

    scores = Scores(network).eval()
    return openvino.convert_model(scores, example_input=x, input=list(x.shape))


def compiled(model: Any, precision: str) -> Run:
    """A function of (N, 3, H, W) float32 that gives the scores, float32.

    Args:
        model: Of :func:`converted`.
        precision: ``f32``, or ``bf16`` for what is not in bytes.
    """
    import openvino

    hints = dict(
        INFERENCE_PRECISION_HINT=precision,
        INFERENCE_NUM_THREADS=torch.get_num_threads(),
        PERFORMANCE_HINT='LATENCY',
        ENABLE_CPU_PINNING=False,  # the other threads of this process want the cores, too
    )
    request = openvino.Core().compile_model(model, 'CPU', hints).create_infer_request()

    def run(x: Tensor) -> Tensor:
        found = request.infer([x.contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(np.array(found[0]))

    return run


def inner_convolutions(model: Any) -> list[Any]:
    """Nodes that may be bytes: not the first, not the last, none of pooled values."""
    nodes = [n for n in model.get_ordered_ops() if n.get_type_name() in CONVOLUTIONS]
    return [n for n in nodes[1:-1] if list(n.get_output_shape(0))[2:] != [1, 1]]


def source(node: Any) -> tuple[str, int]:
    """Name of what a convolution reads."""
    output = node.input_value(0)
    return output.get_node().get_friendly_name(), output.get_index()


def ranges(model: Any, pictures: list[Tensor]) -> dict[tuple[str, int], tuple[float, float]]:
    """Smallest and largest value that convolutions should tell apart in what they read."""
    import openvino

    watched = model.clone()
    reads = {source(node): node.input_value(0) for node in inner_convolutions(watched)}
    watched.add_outputs(list(reads.values()))
    network = openvino.Core().compile_model(watched, 'CPU', dict(INFERENCE_PRECISION_HINT='f32'))
    samples: dict[tuple[str, int], list[Tensor]] = {key: [] for key in reads}
    for picture in pictures:
        values = list(network([picture.contiguous().numpy()]).values())[-len(reads) :]
        for key, value in zip(reads, values, strict=True):
            samples[key].append(some(torch.from_numpy(value.reshape(-1))))
    return {key: best_range(torch.cat(parts)) for key, parts in samples.items()}


def with_bytes(model: Any, limits: dict[tuple[str, int], tuple[float, float]]) -> Any:
    """Mark what convolutions read, and their weights, as 8 bits; changes the model."""
    from openvino import opset13

    marked: dict[tuple[str, int], Any] = {}
    for node in inner_convolutions(model):
        key = source(node)
        if key not in marked:
            scale = scale_of(*limits[key])
            low, high = (np.float32((q - scale.zero) * scale.step) for q in (0, 255))
            marked[key] = opset13.fake_quantize(node.input_value(0), low, high, low, high, 256)
        node.input(0).replace_source_output(marked[key].output(0))
        weight = node.input_value(1)
        largest = largest_weights(weight, CONVOLUTIONS[node.get_type_name()])
        ends = (-largest, largest, -largest, largest)
        node.input(1).replace_source_output(opset13.fake_quantize(weight, *ends, 255).output(0))
    model.validate_nodes_and_infer_types()
    return model


def largest_weights(weight: Any, leading: int) -> np.ndarray:
    """The largest magnitude of each output channel, with the weight's number of axes."""
    shape = list(weight.get_shape())
    node = weight.get_node()
    while node.get_type_name() != 'Constant':  # reshaped or converted on its way
        node = node.input_value(0).get_node()
    values = np.abs(node.data.astype(np.float32).reshape(shape))
    return np.maximum(values.max(tuple(range(leading, len(shape))), keepdims=True), 1e-12)


def openvino_bf16(network: EncoderDecoder, x: Tensor, calibration: Calibration) -> Run:
    """In bfloat16, where OpenVINO finds it good and the processor has it; else in float32."""
    return compiled(converted(network, x), 'bf16')


def openvino_int8(network: EncoderDecoder, x: Tensor, calibration: Calibration) -> Run:
    """Convolutions in bytes, the rest in bfloat16."""
    model = converted(network, x)
    limits = ranges(model, calibration.at(x)[:PICTURES])
    return compiled(with_bytes(model, limits), 'bf16')
