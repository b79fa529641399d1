"""What pictures show of an image that a protocol resized or cropped."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdeeplab.visualization.colorize import LARGEST, seen


def sample(height: int, width: int) -> SegDataSample:
    labels = torch.arange(height * width).view(1, height, width) % 21
    return SegDataSample(gt_sem_seg=PixelData(data=labels), pred_sem_seg=PixelData(data=labels))


@pytest.mark.parametrize('size', [(20, 30), (40, 60), (7, 9)])
def test_image_and_labels_have_one_size(size: tuple) -> None:
    inputs = torch.zeros(3, *size, dtype=torch.uint8)
    inputs[2] = 200  # BGR: red
    image, truth, prediction = seen(sample(20, 30), inputs)
    assert image.shape == (20, 30, 3)
    assert truth.shape == prediction.shape == (20, 30)
    assert image[3, 4].tolist() == [200, 0, 0]
    np.testing.assert_array_equal(truth, np.arange(600).reshape(20, 30) % 21)


def test_large_images_are_thinned() -> None:
    image, truth, _ = seen(sample(10, LARGEST + 1), torch.zeros(3, 10, LARGEST + 1).byte())
    assert image.shape[:2] == truth.shape == (5, LARGEST // 2 + 1)
    assert truth[0, :3].tolist() == [0, 2, 4]
