"""Strides, receptive fields, memory and degenerate rates against gradients and sums by hand."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.config.data import training_size
from mmdeeplab.engine.hooks.degenerate_rates import DegenerateRateHook
from mmdeeplab.models.analysis import (
    degenerate_rates,
    inference_memory,
    multiply_adds,
    stages,
    training_memory,
)
from mmdeeplab.models.analysis.geometry import taps_inside


class Net(nn.Module):
    """A segmentor as far as the analysis is concerned."""

    def __init__(self, *layers: nn.Module, skip: bool = False) -> None:
        super().__init__()
        self.backbone = nn.ModuleList(layers)
        self.skip = skip

    def forward(self, x: Tensor, mode: str = 'tensor') -> Tensor:
        assert mode == 'tensor'
        image = x
        for layer in self.backbone:
            x = layer(x)
        return x + image[:, :1, : x.shape[2], : x.shape[3]] if self.skip else x


def seen(model: Net, size: int) -> int:
    """Side of the window of the image that moves the middle output."""
    for weight in model.parameters():
        nn.init.ones_(weight)
    image = torch.rand(1, 3, size, size, dtype=torch.double).requires_grad_()
    out = model.double()(image, mode='tensor')
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    return int(rows.max() - rows.min()) + 1


class EveryOther(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, ::2, ::2]


def conv(*args: int, **kwargs: int) -> nn.Conv2d:
    return nn.Conv2d(*args, bias=False, **kwargs)


@pytest.mark.parametrize(
    ('layers', 'stride'),
    [
        ((conv(3, 1, 3), conv(1, 1, 5)), 1),
        ((conv(3, 1, 3, stride=2, padding=1), conv(1, 1, 3, dilation=4, padding=4)), 2),
        ((conv(3, 1, 7, stride=2), nn.AvgPool2d(3, 2, 1), conv(1, 1, 3, dilation=2)), 4),
        ((conv(3, 1, 3), nn.AvgPool2d(2), nn.ReLU(), conv(1, 1, 1)), 2),
        ((conv(3, 1, 3), EveryOther(), conv(1, 1, 3)), 2),
    ],
)
def test_receptive_field_is_where_gradients_flow(layers: tuple, stride: int) -> None:
    model = Net(*layers)
    field = stages(model, (1, 3, 101, 101))[1]
    assert (field.stride, field.whole_image) == (stride, False)
    assert field.size == seen(model, 101)


def test_receptive_field_of_a_sum_is_the_larger_on_the_finer_grid() -> None:
    model = Net(conv(3, 1, 3, stride=2, padding=1), conv(1, 1, 3, padding=1), skip=True)
    field = stages(model, (1, 3, 65, 65))[1]
    assert (field.stride, field.size) == (1, 7)


def test_a_global_mean_sees_everything(build: Callable[..., nn.Module]) -> None:
    rows, logits = stages(build('deeplabv3plus_xception_voc'), (1, 3, 129, 129))
    by_part = {part: [row for row in rows if row.part == part] for part in ('backbone', 'neck')}
    assert not any(row.field.whole_image for row in by_part['backbone'] + by_part['neck'])
    assert logits.whole_image
    assert logits.stride == 4


def test_stages_of_xception(build: Callable[..., nn.Module]) -> None:
    rows, _ = stages(build('deeplabv3plus_xception-os8_voc'), (1, 3, 513, 513))
    executed = [(row.part, row.field.stride, row.rate, row.convolutions) for row in rows]
    assert executed == [
        ('backbone', 2, 1, 4),
        ('backbone', 4, 1, 3),
        ('backbone', 8, 1, 4),
        ('backbone', 8, 2, 51),
        ('backbone', 8, 4, 3),
        ('neck', 8, 12, 1),
        ('neck', 8, 24, 1),
        ('neck', 8, 36, 1),
        ('decode_head', 4, 1, 2),
    ]


def test_stages_of_resnet(build: Callable[..., nn.Module]) -> None:
    rows, logits = stages(build('deeplabv3_r101-beta_voc'), (1, 3, 513, 513))
    executed = [(row.field.stride, row.rate, row.convolutions) for row in rows]
    assert executed == [
        (2, 1, 3),
        (4, 1, 2),
        (8, 1, 4),
        (16, 1, 24),
        *((16, rate, 1) for rate in (2, 4, 8, 6, 12, 18)),
    ]
    assert (logits.stride, logits.whole_image) == (16, True)


@pytest.mark.parametrize(('kernel', 'rate', 'size'), [(3, 1, 9), (3, 4, 9), (3, 9, 9), (5, 3, 7)])
def test_taps_inside(kernel: int, rate: int, size: int) -> None:
    ones = torch.ones(1, 1, size)
    count = F.conv1d(ones, torch.ones(1, 1, kernel), padding=rate * (kernel // 2), dilation=rate)
    assert taps_inside(kernel, rate, size) == pytest.approx(float(count.mean()) / kernel)


def test_degenerate_rates_are_named(build: Callable[..., nn.Module]) -> None:
    model = build('deeplabv3plus_xception-os8_voc').train()
    assert degenerate_rates(model, (1, 3, 513, 513)) == []
    (sentence,) = degenerate_rates(model, (1, 3, 257, 257))
    where = 'neck.atrous.2.depthwise_conv: rate 36 reaches beyond its map of 33 x 33'
    assert sentence.startswith(where)
    assert 'has become 1x1' in sentence
    (sentence,) = degenerate_rates(model, (1, 3, 257, 513))
    assert 'has become 1x3' in sentence
    assert model.training
    assert not any(p.is_meta for p in model.parameters())


def test_a_degenerate_rate_leaves_the_middle_tap() -> None:
    layer, image = conv(2, 2, 3, dilation=9, padding=9), torch.randn(1, 2, 9, 9)
    middle = F.conv2d(image, layer.weight[:, :, 1:2, 1:2])
    torch.testing.assert_close(layer(image), middle)
    assert len(degenerate_rates(Net(conv(3, 2, 3, dilation=9, padding=9)), (1, 3, 9, 9))) == 1
    assert degenerate_rates(Net(conv(3, 2, 3, dilation=8, padding=8)), (1, 3, 9, 9)) == []


def test_memory_by_hand() -> None:
    model = Net(conv(3, 4, 3, padding=1), nn.ReLU(), conv(4, 2, 1))
    image, first, scores = (4 * 8 * 8 * channels for channels in (3, 4, 2))
    assert inference_memory(model, (1, 3, 8, 8)) == image + 2 * first
    labels = 8 * 8 * 8
    # conv: image; ReLU and the next conv: the same map; cross-entropy: log-probabilities, labels
    kept = image + first + scores + labels
    assert training_memory(model, (1, 3, 8, 8)) == pytest.approx(kept, abs=8)
    assert training_memory(model, (2, 3, 8, 8)) == pytest.approx(2 * kept, abs=8)


def test_in_place_activations_take_no_memory() -> None:
    shape = (1, 3, 8, 8)
    twice, once = (
        inference_memory(Net(conv(3, 4, 3, padding=1), nn.ReLU(inplace)), shape)
        for inplace in (False, True)
    )
    assert twice - once == 4 * 8 * 8 * 4


def test_multiply_adds_leave_the_model_alone() -> None:
    model = Net(conv(3, 4, 3, padding=1, stride=2)).train()
    assert multiply_adds(model, (2, 3, 8, 8)) == {'backbone': 2 * 4 * 16 * 27}
    assert model.training
    assert not next(model.parameters()).is_meta


def test_input_size_is_the_larger_of_crop_and_padding() -> None:
    def cfg(crop: tuple | None, size: tuple | None) -> Config:
        pipeline = [dict(type='A'), *([dict(type='RandomCrop', crop_size=crop)] if crop else [])]
        dataset = dict(type='RepeatDataset', dataset=dict(pipeline=pipeline))
        model = dict(data_preprocessor=dict(size=size)) if size else dict()
        return Config(dict(model=model, train_dataloader=dict(dataset=dataset)))

    assert training_size(cfg((321, 321), (513, 257))) == (513, 321)
    assert training_size(cfg(None, (513, 257))) == (513, 257)
    assert training_size(cfg((65, 97), None)) == (65, 97)
    runner = SimpleNamespace(cfg=cfg(None, None), model=Net(conv(3, 4, 3)), logger=None)
    DegenerateRateHook().before_train(runner)  # images of any size: nothing to compare rates with
    with pytest.raises(ValueError, match='neither'):
        training_size(cfg(None, None))
