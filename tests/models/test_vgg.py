"""DeepLab v1 and v2 on VGG-16: sizes and pools (spec 1.1), fc6 and fc7, side branches, the loss."""

from collections.abc import Callable

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.backbones import AtrousVGG16
from mmdeeplab.models.decode_heads.shrunk_label import shrink_label
from mmdeeplab.models.necks import LargeFOVNeck

CLASSIFIER = dict(
    type='mmdeeplab.ShrunkLabelFCNHead',
    in_channels=8,
    channels=8,
    num_convs=0,
    concat_input=False,
    dropout_ratio=0,
    num_classes=3,
    align_corners=True,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)


def head(**cfg: object) -> nn.Module:
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    init_default_scope('mmseg')
    return MODELS.build(cfg)


def samples(labels: Tensor) -> list[SegDataSample]:
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


@pytest.mark.parametrize(
    ('options', 'side', 'sides'),
    [
        ({}, 321, [161, 81, 41, 41, 41]),
        ({}, 513, [257, 129, 65, 65, 65]),
        (dict(pool_kernel=2, average_pool=False), 306, [154, 78, 40, 39, 39]),
        (dict(pool_kernel=2, average_pool=False), 514, [258, 130, 66, 65, 65]),
    ],
)
def test_published_sizes(options: dict, side: int, sides: list) -> None:
    """Caffe's rule, ceil((n + 2 pad - kernel) / stride) + 1, gives the spec's sizes."""
    model = AtrousVGG16(with_image=True, **options).to('meta')
    maps = model(torch.zeros(1, 3, side, side, device='meta'))
    assert [m.shape[2] for m in maps] == [side, *sides]


def test_published_layers() -> None:
    model = AtrousVGG16()
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [c.dilation[0] for c in convs] == [1] * 10 + [2] * 3
    assert [c.padding[0] for c in convs] == [1] * 10 + [2] * 3
    assert all(c.bias is not None for c in convs)
    assert [(p.kernel_size, p.stride) for p in model.pools] == [(3, 2)] * 3 + [(3, 1)] * 2


def test_equals_a_functional_network() -> None:
    """The same weights through a hand-written LargeFOV, in float64."""
    model = nn.Sequential(AtrousVGG16(), LargeFOVNeck(512, channels=16)).double().eval()
    image = torch.randn(1, 3, 65, 33, dtype=torch.float64)
    state = iter(model.state_dict().values())
    x = image
    with torch.no_grad():
        for stage, depth in enumerate((2, 2, 3, 3, 3)):
            rate = 2 if stage == 4 else 1
            for _ in range(depth):
                x = F.conv2d(x, next(state), next(state), padding=rate, dilation=rate).relu()
            x = F.pad(x, (1, 1, 1, 1), value=-torch.inf)
            x = F.max_pool2d(x, 3, 2 if stage < 3 else 1)
        nine = torch.full((512, 1, 3, 3), 1 / 9, dtype=torch.float64)
        x = F.conv2d(x, nine, padding=1, groups=512)
        x = F.conv2d(x, next(state), next(state), padding=12, dilation=12).relu()
        x = F.conv2d(x, next(state), next(state)).relu()
        torch.testing.assert_close(model(image)[-1], x)


def test_last_pools_have_no_nominal_twin() -> None:
    """The publication dilates no pool: pool5 is where the dense network leaves the nominal one."""
    nominal, dense = AtrousVGG16(32), AtrousVGG16(8)
    dense.load_state_dict(nominal.state_dict())
    image = torch.randn(1, 3, 97, 97)
    with torch.no_grad():
        coarse, fine = nominal(image)[-1], dense(image)[-1][:, :, ::4, ::4]
    assert coarse.shape == fine.shape
    assert (coarse - fine).abs().max() > 0.1 * coarse.std()


@pytest.mark.parametrize(
    ('kernel', 'rate', 'field'), [(3, 12, 224), (4, 4, 128), (4, 8, 224), (7, 4, 224)]
)
def test_published_field_of_view(kernel: int, rate: int, field: int) -> None:
    """Measured: fc6's span in cells of stride 8, plus the 32 pixels of a nominal pool5 cell."""
    neck = LargeFOVNeck(1, 1, kernel, (rate,), dropout=0)
    for p in neck.parameters():
        nn.init.constant_(p, 1.0)
    x = torch.zeros(1, 1, 65, 65, requires_grad=True)
    y = neck((x,))[0]
    assert y.shape == x.shape
    y[0, 0, 32, 32].backward()
    seen = x.grad[0, 0].any(0).nonzero()
    assert len(seen) == kernel
    assert 8 * int(seen.max() - seen.min()) + 32 == field


def test_concatenation_equals_the_sum_of_scores() -> None:
    """Four fc8, summed, as the paper draws it, against one classifier on the concatenation."""
    neck = LargeFOVNeck(4, channels=2, rates=(6, 12, 18, 24)).eval()
    classifier = head(**CLASSIFIER).eval()
    x = torch.randn(2, 4, 9, 9)
    low, wide = neck((x, x))
    assert low is x
    scores = sum(
        F.conv2d(branch(x), classifier.conv_seg.weight[:, 2 * i : 2 * i + 2])
        for i, branch in enumerate(neck.branches)
    )
    scores = scores + classifier.conv_seg.bias[:, None, None]
    torch.testing.assert_close(classifier((wide,)), scores)


@pytest.mark.parametrize(('kernel', 'rate'), [(4, 3), (3, 0)])
def test_refuses_rates_without_padding(kernel: int, rate: int) -> None:
    with pytest.raises(ValueError, match=f'{kernel}x{kernel} kernel at rate {rate}'):
        LargeFOVNeck(4, 4, kernel, (rate,))


def test_refuses_no_rate_and_other_pools() -> None:
    with pytest.raises(ValueError, match='at least one rate'):
        LargeFOVNeck(rates=())
    with pytest.raises(ValueError, match='2, 3, got 5'):
        AtrousVGG16(pool_kernel=5)


def test_label_is_shrunk_on_the_aligned_grid() -> None:
    label = torch.arange(321 * 321).view(1, 321, 321)
    assert torch.equal(shrink_label(label, (41, 41)), label[:, ::8, ::8])
    assert torch.equal(shrink_label(label, (321, 321)), label)
    assert shrink_label(label, (1, 1)).tolist() == [[[0]]]


def test_loss_is_at_the_logits_stride() -> None:
    classifier = head(**CLASSIFIER)
    x = torch.randn(2, 8, 5, 5)
    labels = torch.randint(0, 3, (2, 33, 33))
    labels[0, :9] = 255
    losses = classifier.loss((x,), samples(labels), {})
    weight, bias = classifier.conv_seg.weight, classifier.conv_seg.bias
    expected = F.cross_entropy(F.conv2d(x, weight, bias), labels[:, ::8, ::8], ignore_index=255)
    torch.testing.assert_close(losses['loss_ce'], expected)


@pytest.fixture
def side_head() -> nn.Module:
    return head(
        type='mmdeeplab.SideBranchHead',
        in_channels=(3, 4, 5, 8),
        in_index=(0, 1, 2, -1),
        channels=8,
        strides=(8, 4, 1),
        side_channels=6,
        side_dropout=0.0,
        num_classes=3,
    )


def side_maps(n: int = 1) -> tuple[Tensor, ...]:
    sizes = ((3, 33), (4, 17), (5, 5), (8, 5))
    return tuple(torch.randn(n, channels, side, side) for channels, side in sizes)


def test_side_branches_are_dense_in_evaluation(side_head: nn.Module) -> None:
    """At full resolution and, on the grid of stride 8, the training scores."""
    maps = side_maps()
    trained, dense = side_head.train()(maps), side_head.eval()(maps)
    assert trained.shape == (1, 3, 5, 5)
    assert dense.shape == (1, 3, 33, 33)
    torch.testing.assert_close(dense[:, :, ::8, ::8], trained, rtol=1e-4, atol=1e-6)


def test_side_branches_sum_with_fc8(side_head: nn.Module) -> None:
    side_head.init_weights()
    maps = side_maps()
    scores = F.conv2d(maps[-1], side_head.conv_seg.weight, side_head.conv_seg.bias)
    for side, x, stride in zip(side_head.sides, maps, (8, 4, 1), strict=False):
        y = F.conv2d(x, side.conv.weight, side.conv.bias, stride, padding=1).relu()
        y = F.conv2d(y, side.fc.conv.weight, side.fc.conv.bias).relu()
        scores = scores + F.conv2d(y, side.ms.weight, side.ms.bias)
    torch.testing.assert_close(side_head.train()(maps), scores)


def test_side_branches_take_any_size(build: Callable[..., nn.Module]) -> None:
    model = build('deeplabv1_vgg16-msc_voc').to('meta')
    for side, training, out in ((321, 1, 41), (320, 1, 41), (97, 0, 97), (512, 0, 512)):
        image = torch.zeros(1, 3, side, side, device='meta')
        assert model.train(bool(training))(image).shape == (1, 21, out, out)


@torch.no_grad()
def test_side_branches_start_from_the_published_fillers(build: Callable[..., nn.Module]) -> None:
    sides = build('deeplabv1_vgg16-msc_voc').decode_head
    sides.init_weights()
    for i, side in enumerate(sides.sides):
        assert side.conv.weight.std() == pytest.approx(0.001, rel=0.1)
        assert side.fc.conv.weight.std() == pytest.approx(0.005 if i == 4 else 0.001, rel=0.1)
        assert side.ms.weight.std() == pytest.approx(0.01, rel=0.1)
        assert not side.ms.bias.any()
    assert sides.conv_seg.weight.std() == pytest.approx(0.01, rel=0.1)


def test_refuses_lists_of_unequal_lengths() -> None:
    with pytest.raises(ValueError, match=r'strides=\(8,\)'):
        head(type='mmdeeplab.SideBranchHead', strides=(8,), num_classes=3)


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        (
            'deeplabv1_vgg16_voc',
            {
                'backbone.stages.0.0.conv.weight': (0.001, 5e-4),
                'neck.branches.0.fc6.conv.bias': (0.002, 0),
                'decode_head.conv_seg.weight': (0.01, 5e-4),
                'decode_head.conv_seg.bias': (0.02, 0),
            },
        ),
        (
            'deeplabv1_vgg16-msc_voc',
            {
                'backbone.stages.0.0.conv.weight': (0, 0),
                'neck.branches.0.fc7.conv.bias': (0, 0),
                'decode_head.conv_seg.weight': (0.001, 5e-4),
                'decode_head.sides.0.ms.bias': (0.002, 0),
            },
        ),
    ],
)
def test_learning_rates(build: Callable[..., nn.Module], config: str, expected: dict) -> None:
    from mmengine.config import Config
    from mmengine.optim import build_optim_wrapper
    from places import ROOT

    model = build(config)
    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    rates = {id(g['params'][0]): (g['lr'], g['weight_decay']) for g in groups}
    parameters = dict(model.named_parameters())
    for name, values in expected.items():
        assert rates[id(parameters[name])] == pytest.approx(values), name
