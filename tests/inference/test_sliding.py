"""Windows against brute force, mmsegmentation, and the network on the whole image."""

import math

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmdeeplab.errors import UserError
from mmdeeplab.inference.multi_scale import MultiScaleFlip
from mmdeeplab.inference.sliding import SlidingWindows
from mmdeeplab.inference.windows import BLENDS, blend_profile, total_weight, window_starts
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor

CLASSES = 5


class Padded(EncoderDecoder):
    """One 5x5 convolution and the mean of the image: windows differ from the whole."""

    def __init__(self, test_size: tuple = (1, 1)) -> None:
        nn.Module.__init__(self)
        self.net = nn.Conv2d(3, CLASSES, 5, padding=2)
        self.out_channels, self.align_corners = CLASSES, True
        self.data_preprocessor = DeepLabPreprocessor(size=(9, 9), test_size=test_size)
        self.passes = 0

    def forward(self, inputs: Tensor, data_samples: object = None, mode: str = 'tensor') -> Tensor:
        self.passes += 1
        scores = self.net(inputs) + inputs.mean((2, 3), keepdim=True).repeat(1, 2, 1, 1)[:, :5]
        if mode == 'predict':
            return self.postprocess_result(scores, data_samples)
        return scores

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        return self(inputs)


def make(mode: str = 'slide', test_size: tuple = (1, 1), **options: object) -> SlidingWindows:
    init_default_scope('mmseg')
    options = dict(window=(11, 14), stride=(7, 5)) | options
    return SlidingWindows(Padded(test_size), mode, **options).eval()


def picture(height: int, width: int) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8)


def predict(model: SlidingWindows, *images: Tensor) -> list[SegDataSample]:
    samples = [
        SegDataSample(metainfo=dict(ori_shape=tuple(x.shape[1:]), img_shape=tuple(x.shape[1:])))
        for x in images
    ]
    return model.test_step(dict(inputs=list(images), data_samples=samples))


def network(model: SlidingWindows, crop: Tensor) -> np.ndarray:
    """The network's logits of a crop, normalised by hand."""
    with torch.no_grad():
        return model.network((crop.flip(0).float()[None] - 127.5) / 127.5)[0].double().numpy()


def profile(blend: str, n: int) -> np.ndarray:
    i = np.arange(n)
    if blend == 'hann':
        return 0.5 - 0.5 * np.cos(2 * np.pi * (i + 0.5) / n)
    if blend == 'gaussian':
        return np.exp(-0.5 * ((i + 0.5 - n / 2) / (n / 8)) ** 2)
    return np.ones(n)


def slow(model: SlidingWindows, image: Tensor) -> np.ndarray:
    """Weighted mean of every window that covers a pixel, window by window, in float64."""
    (h, w), (dy, dx) = model.window, model.stride
    height, width = image.shape[1:]
    total, weights = np.zeros((CLASSES, height, width)), np.zeros((height, width))
    for i in range(math.ceil(max(height - h, 0) / dy) + 1):
        for j in range(math.ceil(max(width - w, 0) / dx) + 1):
            top, left = max(min(i * dy, height - h), 0), max(min(j * dx, width - w), 0)
            crop = image[:, top : top + h, left : left + w]
            weight = np.outer(*(profile(model.blend, side) for side in crop.shape[1:]))
            here = np.s_[top : top + crop.shape[1], left : left + crop.shape[2]]
            total[(slice(None), *here)] += weight * network(model, crop)
            weights[here] += weight
    return total / weights


@pytest.mark.parametrize('blend', BLENDS)
@pytest.mark.parametrize('size', [(40, 33), (11, 14), (25, 9), (6, 50), (12, 15)])
def test_equals_brute_force(size: tuple, blend: str) -> None:
    model = make(blend=blend, batch=3)
    image = picture(*size)
    (sample,) = predict(model, image)
    expected = slow(model, image)
    np.testing.assert_allclose(sample.seg_logits.data.numpy(), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(sample.pred_sem_seg.data[0].numpy(), expected.argmax(0))


def test_uniform_weights_are_the_plain_average_of_mmsegmentation() -> None:
    model = make(blend='uniform')
    image = picture(47, 38)
    model.network.test_cfg = ConfigDict(mode='slide', crop_size=model.window, stride=model.stride)
    inputs = model.network.data_preprocessor(dict(inputs=[image]), False)['inputs']
    with torch.no_grad():
        theirs = model.network.slide_inference(inputs, [dict(img_shape=(47, 38))])
    (sample,) = predict(model, image)
    torch.testing.assert_close(sample.seg_logits.data, theirs[0])


@pytest.mark.parametrize('blend', BLENDS)
@pytest.mark.parametrize('stride', [(7, 5), (11, 14), (1, 13), (10, 3)])
def test_bands_label_as_slide_does(stride: tuple, blend: str) -> None:
    image = picture(53, 41)
    bands, slide = (make(mode, blend=blend, stride=stride) for mode in ('bands', 'slide'))
    slide.load_state_dict(bands.state_dict())
    (banded,), (slid,) = predict(bands, image), predict(slide, image)
    assert banded.pred_sem_seg.data.dtype == torch.uint8
    assert 'seg_logits' not in banded
    assert torch.equal(banded.pred_sem_seg.data.long(), slid.pred_sem_seg.data)


def test_one_window_is_the_network_on_the_padded_image() -> None:
    model = make(test_size=(30, 30), window=(30, 30), stride=(20, 20))
    image = picture(17, 23)
    sample = SegDataSample(metainfo=dict(ori_shape=(17, 23), img_shape=(17, 23)))
    (whole,) = model.network.test_step(dict(inputs=[image], data_samples=[sample]))
    (slid,) = predict(model, image)
    torch.testing.assert_close(slid.seg_logits.data, whole.seg_logits.data)


@pytest.mark.parametrize(('batch', 'passes'), [(1, 12), (2, 8), (3, 4), (9, 4)])
def test_windows_of_a_row_go_together(batch: int, passes: int) -> None:
    model = make(batch=batch, window=(10, 10), stride=(10, 10))
    predict(model, picture(40, 30))
    assert model.network.passes == passes


def test_images_of_a_batch_may_differ_in_size() -> None:
    model = make()
    one, two = picture(20, 30), picture(33, 15)
    together = predict(model, one, two)
    for sample, image in zip(together, (one, two), strict=True):
        (alone,) = predict(model, image)
        assert torch.equal(sample.pred_sem_seg.data, alone.pred_sem_seg.data)


def test_auto_takes_bands_only_where_the_logits_are_too_large() -> None:
    model = make('auto', limit=4 * CLASSES * 20 * 20)
    (small,), (large,) = predict(model, picture(20, 20)), predict(model, picture(20, 21))
    assert 'seg_logits' in small
    assert 'seg_logits' not in large


def test_a_small_image_beside_a_large_one_is_not_cut() -> None:
    model = make('auto', limit=4 * CLASSES * 20 * 20)
    images = [picture(20, 20), picture(30, 30), picture(12, 20)]
    together = predict(model, *images)
    for image, sample in zip(images, together, strict=True):
        (alone,) = predict(model, image)
        assert ('seg_logits' in sample) == ('seg_logits' in alone)
        assert torch.equal(sample.pred_sem_seg.data, alone.pred_sem_seg.data)


def test_windows_around_several_scales() -> None:
    init_default_scope('mmseg')
    several = MultiScaleFlip(Padded((17, 17)), (1.0, 1.5), True).eval()
    model = SlidingWindows(several, 'slide', (17, 17), (9, 9)).eval()
    image = picture(17, 17)
    (sample,) = predict(model, image)
    inputs = several.module.data_preprocessor(dict(inputs=[image]), False)['inputs']
    torch.testing.assert_close(sample.seg_logits.data.softmax(0), several.probabilities(inputs)[0])


def test_bands_refuse_scores_that_are_not_numbers() -> None:
    model = make('bands')
    model.network.net.bias.data[2] = float('nan')
    with pytest.raises(UserError, match='logits of an image are not finite'):
        predict(model, picture(20, 20))


def test_bands_refuse_an_image_that_was_resized() -> None:
    sample = SegDataSample(metainfo=dict(ori_shape=(10, 10), img_path='a.jpg'))
    with pytest.raises(UserError, match=r'a\.jpg.*protocol'):
        make('bands').test_step(dict(inputs=[picture(20, 20)], data_samples=[sample]))


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(mode='tiles'), "auto, slide, bands, got 'tiles'"),
        (dict(blend='box'), "hann, gaussian, uniform, got 'box'"),
        (dict(stride=(12, 5)), r'stride .* \(12, 5\)'),
        (dict(stride=(0, 5)), r'stride .* \(0, 5\)'),
    ],
)
def test_refuses(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(**options)


@pytest.mark.parametrize('side', range(1, 60, 7))
def test_windows_leave_no_gap_and_stay_inside(side: int) -> None:
    starts = window_starts(side, 13, 6)
    assert starts == sorted(set(starts))
    covered = {i for start in starts for i in range(start, start + min(13, side))}
    assert covered == set(range(side))


@pytest.mark.parametrize('blend', BLENDS)
def test_profiles_are_positive_and_symmetric(blend: str) -> None:
    for length in (1, 2, 7, 513):
        weights = blend_profile(blend, length)
        assert (weights > 0).all()
        torch.testing.assert_close(weights, weights.flip(0))


def test_hann_windows_half_apart_add_up_to_a_constant() -> None:
    starts = window_starts(64, 16, 8)
    total = total_weight(64, starts, blend_profile('hann', 16))
    torch.testing.assert_close(total[8:-8], torch.ones(48, dtype=torch.float64))
