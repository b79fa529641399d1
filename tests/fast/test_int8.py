"""Eight bits: ranges, grids, and networks whose convolutions are in them."""

import numpy as np
import pytest
import torch
from fast.few import Few
from torch import Tensor

from mmdeeplab.inference.accelerate import openvino
from mmdeeplab.inference.accelerate.artefact import ArtefactSpec, ScoresGraph
from mmdeeplab.inference.accelerate.int8 import (
    Quantiser,
    best_range,
    inner_convolutions,
    on_grid,
    ranges,
    rounded_to,
)

pytest.importorskip('openvino', reason="openvino is not installed (the extra 'export')")


def test_a_byte_stands_for_zero_and_others_for_what_is_near() -> None:
    low, high = on_grid(-1.0, 1.55)
    assert (low, high) == pytest.approx((-1.0, 1.55))
    x = torch.tensor([-1.0, -0.5, 0.0, 1.0, 1.5, 9.0, -7.0])
    found = rounded_to(x, -1.0, 1.55).tolist()
    assert found == pytest.approx([-1, -0.5, 0, 1, 1.5, 1.55, -1], abs=1e-6)
    assert rounded_to(torch.zeros(1), -0.7313, 2.31).abs() < 1e-6
    assert on_grid(0.5, 2.55) == pytest.approx((0, 2.55))


@pytest.mark.parametrize('count', [1, 2, 3, 4])
def test_the_first_and_the_last_convolution_have_no_range(count: int) -> None:
    import openvino as runtime

    network = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 3) for _ in range(count)))
    x = torch.randn(1, 3, 12, 12)
    model = runtime.convert_model(network, example_input=x)
    assert len(ranges(model, [x.numpy()])) == max(count - 2, 0)


def test_ranges_leave_out_what_is_rare() -> None:
    values = torch.randn(100_000).relu()
    values[0] = 9.0
    low, high = best_range(values)
    assert low == 0
    assert 4 < high < 9

    def error(end: float) -> Tensor:
        return (rounded_to(values, 0.0, end) - values).square().sum()

    assert error(high) <= error(9.0)


@pytest.fixture(scope='module')
def quantiser() -> Quantiser:
    torch.manual_seed(0)
    graph = ScoresGraph(Few().eval())
    inputs = [np.random.default_rng(i).normal(size=(1, 3, 32, 33)) for i in range(2)]
    model = openvino.convert(ArtefactSpec(graph, None, 'float', {}))
    return Quantiser(model, [x.astype(np.float32) for x in inputs])


def decibels(truth: Tensor, found: Tensor) -> float:
    noise = (found - truth).square().sum() / (truth - truth.mean((2, 3), True)).square().sum()
    return float(-10 * noise.log10())


def test_inner_convolutions_in_bytes_stay_near(quantiser: Quantiser) -> None:
    """All but the first, the last and the pooled one, by their names in the network."""
    assert set(quantiser.layers) == {'wide', 'depthwise', 'narrow', 'join'}
    x = torch.randn(2, 3, 35, 32)  # neither the size nor the number that was looked at
    truth = openvino.Compiled(quantiser.model, 'f32')(x)
    whole = quantiser.quantised()
    kinds = [node.get_type_name() for node in whole.get_ordered_ops()]
    assert kinds.count('FakeQuantize') == 2 * 4
    found = openvino.Compiled(whole, 'f32')(x)
    assert 15 < decibels(truth, found) < 60
    none = openvino.Compiled(quantiser.quantised(list(quantiser.layers)), 'f32')(x)
    assert decibels(truth, none) > 90
    assert 'FakeQuantize' not in [n.get_type_name() for n in quantiser.model.get_ops()]


def test_layers_are_ordered_by_their_harm(quantiser: Quantiser) -> None:
    x = torch.from_numpy(quantiser.inputs[0])
    truth = openvino.Compiled(quantiser.model, 'f32')(x)
    alone = {}
    for layer in quantiser.layers:
        model = quantiser.quantised([one for one in quantiser.layers if one != layer])
        alone[layer] = decibels(truth, openvino.Compiled(model, 'f32')(x))
    assert quantiser.by_harm == sorted(alone, key=lambda layer: alone[layer])


def test_weights_have_a_scale_for_each_channel(quantiser: Quantiser) -> None:
    for node in inner_convolutions(quantiser.quantised()):
        rounded = node.input_value(1).get_node()
        ends = rounded.input_value(2).get_node().data
        weight = rounded.input_value(0).get_node()
        while weight.get_type_name() != 'Constant':
            weight = weight.input_value(0).get_node()
        assert ends.size == 16  # output channels of each inner layer
        assert np.allclose(ends.flatten(), np.abs(weight.data.reshape(16, -1)).max(1))
