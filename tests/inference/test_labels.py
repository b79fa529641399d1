"""Labels without large logits, against resizing and comparing every class."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.config.shipped import config_path
from mmdeeplab.errors import UserError
from mmdeeplab.inference.boundary_argmax import Resize, boundary_labels, contenders
from mmdeeplab.inference.labels import labels_of_logits, makes_labels, predict_labels
from mmdeeplab.inference.predictor import DeepLabPredictor

SMALL = 'deeplabv3plus_mobilenetv2_voc'


def areas(classes: int, side: int, present: int, noise: float = 1) -> Tensor:
    """Logits of an image in which ``present`` classes have coarse areas, with noise."""
    coarse = torch.randint(0, present, (1, 1, 5, 5)).float()
    ids = F.interpolate(coarse, (side, side)).long()[0, 0] * (classes // present)
    return F.one_hot(ids, classes).permute(2, 0, 1) * 6.0 + noise * torch.randn(classes, side, side)


def resized(logits: Tensor, padded: tuple, padding: tuple, size: tuple, align: bool) -> Tensor:
    left, right, top, bottom = padding
    full = F.interpolate(logits[None], padded, mode='bilinear', align_corners=align)
    full = full[..., top : padded[0] - bottom, left : padded[1] - right]
    return F.interpolate(full, size, mode='bilinear', align_corners=align)[0]


def plainly(logits: Tensor, *where: Any) -> Tensor:
    return resized(logits, *where).argmax(0)


@pytest.mark.parametrize('align', [True, False])
@pytest.mark.parametrize('size', [(60, 70), (97, 41)])
@pytest.mark.parametrize('present', [1, 3, 21])
def test_equals_resizing_every_class(present: int, size: tuple, align: bool) -> None:
    where = (81, 81), (0, 11, 0, 21), size, align
    for _ in range(5):
        logits = areas(21, 21, present)
        labels = labels_of_logits(logits, *where)
        assert labels.dtype == torch.uint8
        assert torch.equal(labels.long(), plainly(logits, *where))


@pytest.mark.parametrize('align', [True, False])
@pytest.mark.parametrize('size', [(240, 280), (100, 117), (370, 201)])
@pytest.mark.parametrize('kind', [torch.float32, torch.float64])
def test_borders_alone_give_every_label(size: tuple, align: bool, kind: torch.dtype) -> None:
    """Two resizes, cut on all sides; ties at points and between them."""
    where = (257, 257), (3, 14, 6, 11), size, align
    steps = [
        (Resize(257, 6, 246), Resize(size[0], 0, size[0])),
        (Resize(257, 3, 243), Resize(size[1], 0, size[1])),
    ]
    for present in (2, 4, 7):
        logits = areas(21, 65, present, 0.3).to(kind)
        logits[1] = logits[0]  # tied wherever it has the largest score
        logits[:, 40:] = logits[:, 40:].round()
        logits[3, :50] += 9  # few borders
        labels = boundary_labels(
            logits, *steps, align, lambda ids, x=logits: resized(x[ids], *where)
        )
        assert labels is not None
        assert torch.equal(labels.long(), plainly(logits, *where))


def test_two_classes_within_rounding_are_compared_as_resized() -> None:
    """One column of points where two classes are equal, so the pixels on it are ties."""
    logits = torch.zeros(3, 33, 33)
    ramp = torch.arange(33) - 16.0
    logits[1], logits[2] = ramp.clamp(-4, 4), -ramp.clamp(-4, 4)
    where = (129, 129), (0, 0, 0, 0), (129, 129), True
    step = (Resize(129, 0, 129), Resize(129, 0, 129))
    asked: list[list[int]] = []

    def exact(ids: Tensor) -> Tensor:
        asked.append(ids.tolist())
        return resized(logits[ids], *where)

    labels = boundary_labels(logits, step, step, True, exact)
    assert labels is not None
    assert asked == [[0, 1, 2]]  # only at the crossing, where all three are 0
    assert torch.equal(labels.long(), plainly(logits, *where))


@pytest.mark.parametrize('align', [True, False])
@pytest.mark.parametrize('size', [(60, 51), (97, 40)])
@pytest.mark.parametrize('area', [0, 30])
def test_equals_scores_of_twice_the_digits(area: float, size: tuple, align: bool) -> None:
    """Padded on all sides; noise, or one border, where the two best of float64 are apart."""
    logits = torch.randn(21, 17, 16, dtype=torch.float64)
    logits[3, :9] += area
    logits[7, 9:] += area
    full = F.interpolate(logits[None], (65, 64), mode='bilinear', align_corners=align)
    scores = F.interpolate(full[..., 2:62, 3:54], size, mode='bilinear', align_corners=align)[0]
    best = scores.topk(2, 0)[0]
    clear = best[0] - best[1] > 1e-5
    labels = labels_of_logits(logits.float(), (65, 64), (3, 10, 2, 3), size, align)
    assert clear.float().mean() > 0.99
    assert torch.equal(labels[clear].long(), scores.argmax(0)[clear])


@pytest.mark.parametrize('shape', [(6, 5, 5), (21, 33, 33), (150, 9, 9)])
def test_smooth_scores_lose_no_contender(shape: tuple) -> None:
    """Against every class that wins anywhere on a grid thirty times as fine."""
    everywhere = torch.ones(shape[1] - 1, shape[2] - 1, dtype=torch.bool)
    for _ in range(3):
        coarse = 9 * torch.randn(1, shape[0], 3, 3)
        logits = F.interpolate(coarse, shape[1:], mode='bicubic')[0] + torch.randn(shape) / 9
        fine = [(side - 1) * 30 + 1 for side in shape[1:]]
        won = F.interpolate(logits[None], fine, mode='bilinear', align_corners=True)[0].argmax(0)
        kept = contenders(logits, logits.max(0)[1], everywhere, (2, 2), torch.tensor(1e-5))
        assert set(won.unique().tolist()) <= set(kept.tolist())


@pytest.mark.parametrize('classes', [21, 150])
def test_classes_that_win_nowhere_are_left_out(classes: int) -> None:
    logits = areas(classes, 65, 3, 0.2)
    everywhere = torch.ones(64, 64, dtype=torch.bool)
    kept = contenders(logits, logits.max(0)[1], everywhere, (2, 2), torch.tensor(1e-5))
    assert len(kept) == 3


def test_noise_and_narrow_numbers_are_resized_whole() -> None:
    step = (Resize(65, 0, 65),)
    noise, area = torch.randn(21, 33, 33), areas(21, 33, 1)
    assert boundary_labels(noise, step, step, True) is None
    assert boundary_labels(area.bfloat16(), step, step, True) is None
    assert (
        boundary_labels(area + torch.eye(21)[4][:, None, None] * 99, step, step, True).eq(4).all()
    )
    where = (65, 65), (0, 0, 0, 0), (65, 65), True
    for logits in (noise, area.bfloat16()):
        assert torch.equal(labels_of_logits(logits, *where).long(), plainly(logits, *where))


def test_ties_go_to_the_first_class() -> None:
    logits = torch.zeros(5, 4, 4)
    logits[[1, 3]] = 2
    assert labels_of_logits(logits, (7, 7), (0, 0, 0, 0), (7, 7), True).unique().tolist() == [1]


@pytest.mark.parametrize('shape', [(300, 1, 1), (300, 1, 4), (300, 3, 1)])
def test_maps_of_one_point_and_many_classes(shape: tuple) -> None:
    logits = torch.randn(shape)
    where = (9, 9), (0, 0, 0, 0), (9, 9), False
    assert torch.equal(labels_of_logits(logits, *where), plainly(logits, *where))


@pytest.fixture
def weights(build: Callable[..., nn.Module], tmp_path: object) -> str:
    path = f'{tmp_path}/w.pth'
    torch.save(dict(state_dict=build(SMALL).state_dict()), path)
    return path


def test_the_predictor_gives_the_same_labels(weights: str) -> None:
    cfg = Config.fromfile(config_path(SMALL))
    cfg.model.data_preprocessor.test_size = (65, 65)
    lean, full = (DeepLabPredictor(cfg, weights, 'cpu', keep_logits=keep) for keep in (False, True))
    pictures = [np.random.default_rng(i).integers(0, 256, (40, 57, 3), np.uint8) for i in range(2)]
    for a, b in zip(lean.batch(pictures), full.batch(pictures), strict=True):
        assert a.logits is None
        assert b.logits is not None
        np.testing.assert_array_equal(a.labels, b.labels)
    assert lean.model.labels_only
    assert makes_labels(lean.model.module)


@pytest.mark.parametrize('value', [float('nan'), float('-inf')])
def test_scores_that_are_not_finite_are_refused(
    build: Callable[..., nn.Module], value: float
) -> None:
    """Between -Inf and a number nothing can be interpolated."""
    model = build(SMALL).eval()
    nn.init.constant_(model.decode_head.conv_seg.bias[3], value)
    model.data_preprocessor.test_size = (33, 33)
    sample = SegDataSample(metainfo=dict(ori_shape=(33, 33), img_path='bird.jpg'))
    image = torch.zeros(3, 33, 33, dtype=torch.uint8)
    with pytest.raises(UserError, match=r'bird\.jpg'):
        predict_labels(model, dict(inputs=[image], data_samples=[sample]))
