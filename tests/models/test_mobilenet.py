"""What is particular to the MobileNets: executed strides and rates (spec 1.4), widths, refusals."""

import pytest
import torch
from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from torch import nn

from mmdeeplab.models.backbones import MobileNetV2, MobileNetV3
from mmdeeplab.models.decode_heads import LRASPPHead
from mmdeeplab.models.layers.same_conv import SameConv2d

# (stride, rate) of TF's layers 2 to 18, from 1
EXECUTED = {
    8: {
        **dict.fromkeys(range(2, 8), (1, 1)),
        **{3: (2, 1), 5: (2, 1), 8: (1, 1), 15: (1, 2)},
        **dict.fromkeys(range(9, 15), (1, 2)),
        **dict.fromkeys(range(16, 19), (1, 4)),
    },
    16: {
        **dict.fromkeys(range(2, 16), (1, 1)),
        **{3: (2, 1), 5: (2, 1), 8: (2, 1)},
        **dict.fromkeys(range(16, 19), (1, 2)),
    },
    32: {
        **dict.fromkeys(range(2, 19), (1, 1)),
        **{3: (2, 1), 5: (2, 1), 8: (2, 1), 15: (2, 1)},
    },
}


@pytest.mark.parametrize('output_stride', [8, 16, 32])
def test_every_later_block_carries_the_rate(output_stride: int) -> None:
    convs = [b.depthwise.conv for b in MobileNetV2(output_stride=output_stride).blocks]
    executed = {i: (c.stride[0], c.dilation[0]) for i, c in enumerate(convs, 2)}
    assert executed == EXECUTED[output_stride]


@pytest.mark.parametrize(
    ('multiplier', 'stem', 'channels', 'expanded'),
    [
        (1.0, 32, [16, 24, 32, 64, 96, 160, 320], [32, 96, 144, 192, 384, 576, 960]),
        (0.5, 16, [8, 12, 16, 32, 48, 80, 160], [16, 48, 72, 96, 192, 288, 480]),
    ],
)
def test_channels(multiplier: float, stem: int, channels: list, expanded: list) -> None:
    model = MobileNetV2(multiplier)
    assert model.stem.conv.out_channels == stem
    seen = [block.project.conv.out_channels for block in model.blocks]
    assert list(dict.fromkeys(seen)) == channels
    seen = [block.depthwise.conv.in_channels for block in model.blocks]
    assert list(dict.fromkeys(seen)) == expanded


def test_residuals() -> None:
    added = [i for i, block in enumerate(MobileNetV2().blocks) if block.residual]
    assert added == [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]


@pytest.mark.parametrize('stride', [8, 16, 32])
def test_residuals_do_not_depend_on_the_output_stride(stride: int) -> None:
    """V3-Small's ninth block keeps its channels: with its stride removed TF would add here."""
    assert not MobileNetV3('small', stride).blocks[8].residual


@pytest.mark.parametrize('size', [(9, 9), (8, 8), (9, 12), (1, 2)])
@pytest.mark.parametrize(('kernel', 'stride', 'rate'), [(3, 2, 1), (5, 2, 1), (3, 3, 2)])
def test_same_padding(size: tuple, kernel: int, stride: int, rate: int) -> None:
    """mmcv's layer is an independent rewriting of TF's rule."""
    ours = SameConv2d(2, 3, kernel, stride=stride, dilation=rate)
    theirs = Conv2dAdaptivePadding(2, 3, kernel, stride=stride, dilation=rate)
    theirs.load_state_dict(ours.state_dict())
    image = torch.randn(1, 2, *size)
    torch.testing.assert_close(ours(image), theirs(image))


@pytest.mark.parametrize('make', [MobileNetV2, MobileNetV3])
def test_initialisation_is_truncated_normal(make: type[nn.Module]) -> None:
    model = make()
    model.init_weights()
    weights = torch.cat(
        [m.weight.detach().flatten() for m in model.modules() if isinstance(m, nn.Conv2d)]
    )
    assert weights.abs().max() <= 0.18 + 1e-6
    # a normal of deviation 0.09, cut at two of them, has 0.8796 of its deviation left
    assert weights.std() == pytest.approx(0.09 * 0.8796, rel=1e-2)


@pytest.mark.parametrize('make', [MobileNetV2, MobileNetV3])
def test_norm_is_slims(make: type[nn.Module]) -> None:
    norms = {(m.eps, m.momentum) for m in make().modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {(1e-3, 3e-3)}


def test_lraspp_gate_pools_by_windows_cut_to_the_map() -> None:
    head = LRASPPHead((4, 8), channels=6, num_classes=3, pool_size=(25, 25), pool_stride=(4, 5))
    head.eval()
    whole = LRASPPHead((4, 8), channels=6, num_classes=3).eval()
    whole.load_state_dict(head.state_dict())

    def maps(height: int, width: int) -> list[torch.Tensor]:
        return [torch.empty(0), torch.randn(1, 4, 33, 33), torch.randn(1, 8, height, width)]

    small, large = maps(17, 9), maps(33, 45)
    torch.testing.assert_close(head(small), whole(small))
    assert not torch.allclose(head(large), whole(large))


@pytest.mark.parametrize('multiplier', [0, -1.0])
def test_refuses_other_multipliers(multiplier: float) -> None:
    with pytest.raises(ValueError, match=f'must be positive, got {multiplier!r}'):
        MobileNetV2(multiplier)


def test_refuses_other_variants() -> None:
    with pytest.raises(ValueError, match="large, small, large-full, got 'medium'"):
        MobileNetV3('medium')


def test_lraspp_refuses_other_numbers_of_maps() -> None:
    with pytest.raises(ValueError, match=r'in_index=\(0, 1, -1\)'):
        LRASPPHead((72, 120, 480), (0, 1, -1), num_classes=19)
