"""Multi-scale inputs of DeepLab v2."""

from collections.abc import Callable

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 33
SIDES = (33, 25, 17)  # 1, 0.75 and 0.5 of 32 steps, and one


@pytest.fixture
def model(build: Callable[..., nn.Module]) -> nn.Module:
    """LargeFOV with MSC around it, small."""
    options = {
        'model.type': 'mmdeeplab.MSC',
        'model.neck.channels': 8,
        'model.neck.rates': (2,),
        'model.neck.dropout': 0.0,
        'model.decode_head.in_channels': 8,
        'model.decode_head.channels': 8,
    }
    network = build('deeplabv2_vgg16_voc', **options)
    nn.init.normal_(network.decode_head.conv_seg.weight)
    return network


def scores(model: nn.Module, image: Tensor) -> list[Tensor]:
    """Each scale's logits, by the parts."""
    images = [
        F.interpolate(image, (side, side), mode='bilinear', align_corners=True) for side in SIDES
    ]
    return [model.decode_head(model.neck(model.backbone(x))) for x in images]


def largest(maps: list[Tensor]) -> Tensor:
    size = maps[0].shape[2:]
    first, second, third = (
        F.interpolate(m, size, mode='bilinear', align_corners=True) for m in maps
    )
    return torch.maximum(first, torch.maximum(second, third))


def test_logits_are_the_maximum_over_scales(model: nn.Module) -> None:
    image = torch.randn(2, 3, SIDE, SIDE)
    maps = scores(model.eval(), image)
    assert [m.shape[2] for m in maps] == [5, 4, 3]
    fused = model(image)
    torch.testing.assert_close(fused, largest(maps))
    assert any((fused != m).any() for m in maps[:1])


def test_prediction_is_the_fused_map(model: nn.Module) -> None:
    image = torch.randn(1, 3, SIDE, SIDE)
    with torch.no_grad():
        fused = F.interpolate(
            model.eval()(image), (SIDE, SIDE), mode='bilinear', align_corners=True
        )
        (sample,) = model(image, mode='predict')
    assert torch.equal(sample.pred_sem_seg.data, fused.argmax(1))


def test_loss_has_four_terms(model: nn.Module) -> None:
    """Each scale against its own nearest label, and the maximum against the first one's."""
    image = torch.randn(2, 3, SIDE, SIDE)
    labels = torch.randint(0, 21, (2, SIDE, SIDE))
    labels[:, :9] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]
    losses = model(image, samples, mode='loss')
    maps = scores(model, image)
    # 33 labels onto 5, 4 and 3 cells: steps of 8, of 32 / 3 (rounded), of 16
    picks = [torch.arange(0, 33, 8), torch.tensor([0, 11, 21, 32]), torch.tensor([0, 16, 32])]
    expected = [
        F.cross_entropy(m, labels[:, pick][:, :, pick], ignore_index=255)
        for m, pick in zip([*maps, largest(maps)], [*picks, picks[0]], strict=True)
    ]
    names = ['decode_x1', 'decode_x0.75', 'decode_x0.5', 'decode_max']
    torch.testing.assert_close([losses[f'{name}.loss_ce'] for name in names], expected)
    total, _ = model.parse_losses(losses)
    torch.testing.assert_close(total, sum(expected))


def test_works_with_upsampling_heads_and_auxiliary_heads(build: Callable[..., nn.Module]) -> None:
    model = build(
        'deeplabv3_xception_voc', **{'model.type': 'mmdeeplab.MSC', 'model.backbone.depth': 41}
    )
    label = torch.randint(0, 21, (1, SIDE, SIDE))
    model.auxiliary_head = build('deeplabv3_xception_voc').decode_head
    model.auxiliary_head.in_index, model.auxiliary_head.conv_seg = 1, nn.Conv2d(728, 21, 1)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label))] * 2
    losses = model(torch.randn(2, 3, SIDE, SIDE), samples, mode='loss')
    assert sorted(name for name in losses if 'loss' in name) == [
        'aux.loss_ce',
        'decode_max.loss_ce',
        'decode_x0.5.loss_ce',
        'decode_x0.75.loss_ce',
        'decode_x1.loss_ce',
    ]


@pytest.mark.parametrize('scales', [(), (0.5, 1.0)])
def test_refuses_scales_without_1_first(build: Callable[..., nn.Module], scales: tuple) -> None:
    with pytest.raises(ValueError, match='scales must begin with 1'):
        build('deeplabv2_vgg16_voc', **{'model.type': 'mmdeeplab.MSC', 'model.scales': scales})
