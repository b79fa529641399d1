"""Calibrated int8 quantisation: convolutions in 8 bits, except those that harm the result."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmdeeplab.inference.accelerate.openvino import Compiled, core

CONVOLUTIONS = {'Convolution': 1, 'GroupConvolution': 2}
"""Types of nodes -> number of leading axes of their weights that stand for output channels."""
BYTES = 255
TRACED = '__module.model.'  # before the name of a module of a graph
SAMPLE = 2**16  # values of each map and picture from which its range is computed
CLIPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


class Quantiser:
    """Makes int8 models from an OpenVINO model in float.

    The inputs of convolutions get 8 bits over a range, whose ends are clipped if that reduces the
    error; weights get 8 bits for each output channel. The first and the last convolution, which are
    sensitive, and those of pooled values, which are cheap, stay in float.

    Args:
        model: The model in float; it is not changed.
        inputs: Inputs for calibration, (1, C, H, W) float32 or whatever the model takes.
    """

    def __init__(self, model: Any, inputs: Sequence[np.ndarray]) -> None:
        self.model, self.inputs = model, list(inputs)
        # Several names each: a network of several scales runs a layer several times.
        self.layers: dict[str, set[str]] = {}
        for node in inner_convolutions(model):
            self.layers.setdefault(layer_name(node), set()).add(node.get_friendly_name())
        self.ranges = ranges(model, self.inputs)

    def quantised(self, in_float: Sequence[str] = ()) -> Any:
        """The model with all inner convolutions in int8, except those named in ``in_float``."""
        from openvino import opset13

        copy = self.model.clone()
        float_nodes = {node for layer in in_float for node in self.layers[layer]}
        marked: dict[tuple[str, int], Any] = {}
        for node in inner_convolutions(copy):
            if node.get_friendly_name() in float_nodes:
                continue
            key = source(node)
            if key not in marked:
                low, high = (np.float32(end) for end in on_grid(*self.ranges[key]))
                activation = node.input_value(0)
                marked[key] = opset13.fake_quantize(activation, low, high, low, high, BYTES + 1)
            node.input(0).replace_source_output(marked[key].output(0))
            weight = node.input_value(1)
            largest = largest_weights(weight, CONVOLUTIONS[node.get_type_name()])
            ends = (-largest, largest, -largest, largest)
            rounded = opset13.fake_quantize(weight, *ends, BYTES)
            node.input(1).replace_source_output(rounded.output(0))
        copy.validate_nodes_and_infer_types()
        return copy

    @cached_property
    def by_harm(self) -> list[str]:
        """The layers, sorted by how much the output changes if only this layer is in int8.

        The change is the share of changed labels, or the root mean square of changed scores, on the
        first calibration input. The layer with the largest one comes first.
        """
        x = torch.from_numpy(self.inputs[0])
        expected = Compiled(self.model, 'f32')(x)
        harm = {}
        for layer in self.layers:
            model = self.quantised([other for other in self.layers if other != layer])
            output = Compiled(model, 'f32')(x)
            if expected.is_floating_point():
                harm[layer] = float((output - expected).square().mean().sqrt())
            else:
                harm[layer] = float((output != expected).float().mean())
        return sorted(harm, key=lambda layer: -harm[layer])


def inner_convolutions(model: Any) -> list[Any]:
    """The convolutions that may be in int8: not the first, not the last, none of pooled values."""
    nodes = [n for n in model.get_ordered_ops() if n.get_type_name() in CONVOLUTIONS]
    return [node for node in nodes[1:-1] if not pooled(node)]


def pooled(node: Any) -> bool:
    """Whether a convolution's output has one pixel, whatever the size of the network's input."""
    sides = list(node.get_output_partial_shape(0))[2:]
    return all(side.is_static and side.get_length() == 1 for side in sides)


def layer_name(node: Any) -> str:
    """Name of the network's module from which a convolution, or the norm folded into it, comes."""
    names = [node.get_friendly_name()]
    readers = node.output(0).get_target_inputs()
    names += [reader.get_node().get_friendly_name() for reader in readers]
    modules = [name.removeprefix(TRACED).split('/')[0] for name in names if name.startswith(TRACED)]
    return modules[0] if modules else names[0]


def source(node: Any) -> tuple[str, int]:
    """Name of the tensor that a convolution reads."""
    output = node.input_value(0)
    return output.get_node().get_friendly_name(), output.get_index()


def ranges(model: Any, inputs: Sequence[np.ndarray]) -> dict[tuple[str, int], tuple[float, float]]:
    """For the input of each convolution the range of values that its 8 bits cover."""
    watched = model.clone()
    reads = {source(node): node.input_value(0) for node in inner_convolutions(watched)}
    watched.add_outputs(list(reads.values()))
    network = core().compile_model(watched, 'CPU', dict(INFERENCE_PRECISION_HINT='f32'))
    samples: dict[tuple[str, int], list[Tensor]] = {key: [] for key in reads}
    for picture in inputs:
        values = list(network([picture]).values())[len(model.outputs) :]
        for key, value in zip(reads, values, strict=True):
            samples[key].append(some(torch.from_numpy(value.reshape(-1))))
    return {key: best_range(torch.cat(parts)) for key, parts in samples.items()}


def some(values: Tensor) -> Tensor:
    """A sample of a flat tensor's values, its smallest and its largest among them."""
    sample = values[:: max(len(values) // SAMPLE, 1) | 1]
    return torch.cat([sample, *(end[None] for end in values.aminmax())])


def best_range(values: Tensor) -> tuple[float, float]:
    """The range, among several that clip the tails, with the least quantisation error."""
    low, high = (float(value) for value in values.aminmax())
    return min(
        ((low * clip, high * clip) for clip in CLIPS),
        key=lambda limits: float((rounded_to(values, *limits) - values).square().sum()),
    )


def rounded_to(values: Tensor, low: float, high: float) -> Tensor:
    """Values rounded to the nearest of 256 levels over a range; values outside take its ends."""
    low, high = on_grid(low, high)
    step = (high - low) / BYTES
    return ((values - low) / step).round().clamp(0, BYTES) * step + low


def on_grid(low: float, high: float) -> tuple[float, float]:
    """The range near low..high of which one of the 256 levels is exactly 0."""
    low, high = min(low, 0.0), max(high, 1e-6)
    step = (high - low) / BYTES
    zero = round(-low / step)
    return -zero * step, (BYTES - zero) * step


def largest_weights(weight: Any, leading: int) -> np.ndarray:
    """The largest magnitude in each output channel of a weight, with as many axes as it has."""
    shape = list(weight.get_shape())
    values = np.abs(constant(weight).data.astype(np.float32).reshape(shape))
    return np.maximum(values.max(tuple(range(leading, len(shape))), keepdims=True), 1e-12)


def constant(weight: Any) -> Any:
    """The constant from which a weight comes through reshapes and conversions of type."""
    node = weight.get_node()
    while node.get_type_name() != 'Constant':
        node = node.input_value(0).get_node()
    return node
