"""The decoder with one and several low-level maps."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdeeplab.models.decode_heads import DeepLabV3PlusHead, SideBranchHead
from mmdeeplab.models.layers.conv import convolutions

SIZES = [((33, 33), (9, 9)), ((32, 40), (8, 10)), ((31, 18), (8, 5))]


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope('mmseg')


@pytest.mark.parametrize(('low', 'context'), SIZES)
@pytest.mark.parametrize('separable', [False, True])
def test_logits_have_the_finest_size(low: tuple, context: tuple, separable: bool) -> None:
    head = DeepLabV3PlusHead((16, 32), channels=32, separable=separable, num_classes=5)
    logits = head((torch.randn(2, 16, *low), torch.randn(2, 32, *context)))
    assert logits.shape == (2, 5, *low)


def test_several_low_level_maps_are_decoded_from_coarse_to_fine() -> None:
    head = DeepLabV3PlusHead(
        (16, 24, 32), (0, 1, -1), channels=20, low_level_channels=6, num_classes=5
    )
    projections = [stage.projection.conv.weight.shape for stage in head.stages]
    assert projections == [(6, 24, 1, 1), (6, 16, 1, 1)]
    first = [stage.refine[0].depthwise_conv.conv.in_channels for stage in head.stages]
    assert first == [32 + 6, 20 + 6]
    maps = (
        torch.randn(2, 16, 33, 33),
        torch.randn(2, 24, 17, 17),
        torch.randn(2, 99, 9, 9),
        torch.randn(2, 32, 9, 9),
    )
    assert head(maps).shape == (2, 5, 33, 33)


@pytest.mark.parametrize(
    ('channels', 'index'), [((256,), (-1,)), ((256, 256, 256), (0, -1)), ((1,), (0, -1))]
)
def test_refuses_lists_that_do_not_go_together(channels: tuple, index: tuple) -> None:
    with pytest.raises(ValueError, match='in_index and in_channels'):
        DeepLabV3PlusHead(channels, index, num_classes=5)


def test_nothing_is_dropped_before_the_classifier() -> None:
    assert DeepLabV3PlusHead((16, 32), num_classes=5).dropout is None


@pytest.mark.parametrize('head', [DeepLabV3PlusHead, SideBranchHead])
def test_an_initialisation_of_the_config_is_carried_out(head: type) -> None:
    module = head(num_classes=3, init_cfg=dict(type='Constant', layer='Conv2d', val=0.5))
    module.init_weights()
    assert all((conv.weight == 0.5).all() for conv, _ in convolutions(module))
