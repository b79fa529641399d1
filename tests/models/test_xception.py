"""What is particular to Xception: executed strides and rates (spec 2.3) and initialisation."""

import pytest
import torch
from torch import nn

from mmdeeplab.models.backbones import Xception

# unit -> (stride, rate) at output stride 32, 16, 8
EXECUTED = {
    'entry_flow.0': [(2, 1), (2, 1), (2, 1)],
    'entry_flow.1': [(2, 1), (2, 1), (2, 1)],
    'entry_flow.2': [(2, 1), (2, 1), (1, 1)],
    'middle_flow.0': [(1, 1), (1, 1), (1, 2)],
    'middle_flow.15': [(1, 1), (1, 1), (1, 2)],
    'exit_flow.0': [(2, 1), (1, 1), (1, 2)],
    'exit_flow.1': [(1, 1), (1, 2), (1, 4)],
}


@pytest.mark.parametrize(('column', 'output_stride'), [(0, 32), (1, 16), (2, 8)])
def test_executed_strides_and_rates(column: int, output_stride: int) -> None:
    model = Xception(65, output_stride)
    for name, expected in EXECUTED.items():
        unit = model.get_submodule(name)
        rates = {getattr(unit, f'sep{j}').depthwise_conv.conv.dilation[0] for j in (1, 2, 3)}
        stride = unit.sep3.depthwise_conv.conv.stride[0]
        assert (stride, *rates) == expected[column], name


def test_xception71_keeps_stride_4_at_its_third_unit() -> None:
    strides = [u.sep3.depthwise_conv.conv.stride[0] for u in Xception(71, 8).entry_flow]
    assert strides == [2, 1, 2, 1, 1]


def test_multi_grid_multiplies() -> None:
    unit = Xception(65, 8, multi_grid=(1, 2, 4)).exit_flow[1]
    assert [getattr(unit, f'sep{j}').depthwise_conv.conv.dilation[0] for j in (1, 2, 3)] == [
        4,
        8,
        16,
    ]


def test_initialisation_is_truncated_normal() -> None:
    model = Xception(41)
    model.init_weights()
    weights = torch.cat(
        [m.weight.detach().flatten() for m in model.modules() if isinstance(m, nn.Conv2d)]
    )
    assert weights.abs().max() <= 0.18 + 1e-6
    # a normal of deviation 0.09, cut at two of them, has 0.8796 of its deviation left
    assert weights.std() == pytest.approx(0.09 * 0.8796, rel=1e-2)


@pytest.mark.parametrize('depth', [50, '65'])
def test_refuses_other_depths(depth: object) -> None:
    with pytest.raises(ValueError, match=f'41, 65, 71, got {depth!r}'):
        Xception(depth)
