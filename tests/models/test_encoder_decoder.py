"""What our segmentor does otherwise than mmseg's, with mmseg's as the truth."""

from collections.abc import Callable

import pytest
import torch
from mmseg.models.segmentors import BaseSegmentor
from mmseg.structures import SegDataSample
from torch import nn


@pytest.mark.parametrize(
    'meta',
    [
        dict(ori_shape=(33, 41)),
        dict(ori_shape=(20, 30), img_padding_size=[0, 11, 0, 13]),
        dict(ori_shape=(20, 30), img_padding_size=[11, 0, 3, 10]),
        dict(ori_shape=(57, 12), padding_size=[0, 11, 0, 13]),
        dict(ori_shape=(20, 30, 3), img_padding_size=[0, 11, 0, 13]),
        dict(ori_shape=(33, 41), flip=True, flip_direction='horizontal'),
        dict(ori_shape=(33, 41), flip=True, flip_direction='vertical'),
        dict(ori_shape=(33, 41), flip=False, flip_direction=None),
    ],
)
@pytest.mark.parametrize('channels', [2, 21])
def test_results_are_those_of_mmseg(
    build: Callable[..., nn.Module], meta: dict, channels: int
) -> None:
    net = build('deeplabv3_mobilenetv2_voc')
    scores = torch.randint(-3, 3, (2, channels, 33, 41)).float()  # with ties
    scores[1] = torch.randn(channels, 33, 41)
    theirs = meta | dict(ori_shape=meta['ori_shape'][:2])
    (expected, found) = (
        call(scores, [SegDataSample(metainfo=one) for _ in range(2)])
        for call, one in (
            (lambda *given: BaseSegmentor.postprocess_result(net, *given), theirs),
            (net.postprocess_result, meta),
        )
    )
    for one, other in zip(found, expected, strict=True):
        for key in ('seg_logits', 'pred_sem_seg'):
            ours, truth = (sample.get(key).data for sample in (one, other))
            assert torch.equal(ours, truth)
            assert ours.dtype == truth.dtype
            alone = ours.untyped_storage().nbytes() == ours.nbytes
            assert alone or ours.shape[1:] == scores.shape[2:], 'a part of what is much larger'


def test_without_samples(build: Callable[..., nn.Module]) -> None:
    net = build('deeplabv3_mobilenetv2_voc')
    scores = torch.randn(2, 21, 9, 9)
    found = net.postprocess_result(scores)
    assert [tuple(one.pred_sem_seg.data.shape) for one in found] == [(1, 9, 9)] * 2


def test_without_test_cfg_images_are_predicted_whole(build: Callable[..., nn.Module]) -> None:
    net = build('deeplabv3_mobilenetv2_voc', model__test_cfg=None).eval()
    assert net.predict(torch.zeros(1, 3, 33, 33))[0].pred_sem_seg.data.shape == (1, 33, 33)
