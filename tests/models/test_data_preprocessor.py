"""Batches as TensorFlow's input pipeline makes them."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdeeplab.errors import UserError
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor
from mmdeeplab.models.layers.same_conv import SameConv2d


def sample(height: int, width: int, flip: bool = False) -> SegDataSample:
    result = SegDataSample(metainfo=dict(flip=flip, img_shape=(height, width)))
    result.gt_sem_seg = PixelData(data=torch.ones(1, height, width, dtype=torch.uint8))
    return result


def tensorflow(image: np.ndarray, size: int, flip: bool) -> np.ndarray:
    """Pad with the mean pixel at the bottom right, mirror, scale to [-1, 1]."""
    height, width = image.shape[:2]
    padded = np.full((size, size, 3), 127.5)
    padded[:height, :width] = image
    padded = padded[:, ::-1] if flip else padded
    return padded / 127.5 - 1


@pytest.mark.parametrize('flip', [False, True])
def test_equals_padding_with_the_mean_pixel(flip: bool) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    seen = rgb[:, ::-1] if flip else rgb  # RandomFlip has mirrored the unpadded image
    bgr = torch.from_numpy(seen[..., ::-1].copy()).permute(2, 0, 1)
    data = dict(inputs=[bgr], data_samples=[sample(7, 5, flip)])
    batch = DeepLabPreprocessor(size=(9, 9))(data, training=True)
    ours = batch['inputs'][0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, tensorflow(rgb, 9, flip), atol=1e-6)
    label = batch['data_samples'][0].gt_sem_seg.data[0]
    inside = label[:7, 4:] if flip else label[:7, :5]
    assert (inside == 1).all()
    assert (label == 255).sum() == 81 - 35


def test_unequal_sizes_share_a_batch_in_evaluation() -> None:
    images = [torch.zeros(3, 7, 5, dtype=torch.uint8), torch.zeros(3, 4, 12, dtype=torch.uint8)]
    samples = [sample(7, 5), sample(4, 12)]
    batch = DeepLabPreprocessor(size=(5, 5), test_size=(9, 9))(
        dict(inputs=images, data_samples=samples)
    )
    assert batch['inputs'].shape == (2, 3, 9, 12)
    assert [s.img_padding_size for s in batch['data_samples']] == [[0, 7, 0, 2], [0, 0, 0, 5]]
    assert samples[0].gt_sem_seg.shape == (7, 5)  # labels stay as they are


@pytest.mark.parametrize(
    ('test_size', 'image', 'padded'),
    [
        ((513, 513), (375, 500), (513, 513)),
        ((513, 513), (513, 514), (513, 529)),
        ((513, 513), (1024, 1025), (1025, 1025)),
        ((512, 512), (600, 601), (600, 601)),  # ports of networks that pad otherwise
        ((1, 1), (600, 601), (600, 601)),  # the protocol "short-512": not padded
    ],
)
def test_larger_images_keep_the_corners_aligned(
    test_size: tuple, image: tuple, padded: tuple
) -> None:
    processor = DeepLabPreprocessor(test_size=test_size)
    batch = processor(dict(inputs=[torch.zeros(3, *image, dtype=torch.uint8)]))
    assert batch['inputs'].shape[2:] == padded == processor.padded_size(*image)


@pytest.mark.parametrize(('least', 'off'), [(17, 0), (18, 4)])
def test_labels_of_larger_images_lie_where_they_belong(least: int, off: float) -> None:
    """Columns numbered, sampled by four convolutions of stride 2, and resized again."""
    columns = torch.arange(40, dtype=torch.uint8).expand(3, 40, 40)
    processor = DeepLabPreprocessor((0,) * 3, (1,) * 3, (17, 17), (least, least))
    x = processor(dict(inputs=[columns]))['inputs'][:, :1]
    tap = torch.zeros(1, 1, 3, 3)
    tap[..., 1, 1] = 1
    conv = SameConv2d(1, 1, 3, stride=2, padding=1, bias=False)
    conv.weight.data = tap
    with torch.no_grad():
        small = conv(conv(conv(conv(x))))
    back = torch.nn.functional.interpolate(small, x.shape[2:], mode='bilinear', align_corners=True)
    error = (back[0, 0, 0, :33] - torch.arange(33.0)).abs().max()
    assert error <= 1e-4 if off == 0 else error > off


@pytest.mark.parametrize(('means', 'stds', 'channels'), [(4, 4, 3), (3, 3, 1), (3, 4, 3)])
def test_another_number_of_channels_is_refused(means: int, stds: int, channels: int) -> None:
    preprocessor = DeepLabPreprocessor(mean=[1.0] * means, std=[2.0] * stds, size=(8, 8))
    words = f'has {channels} channels, but mean {means} values and std {stds}'
    with pytest.raises(UserError, match=words):
        preprocessor(dict(inputs=[torch.zeros(channels, 8, 8, dtype=torch.uint8)]))


def test_one_mean_is_for_all_channels() -> None:
    preprocessor = DeepLabPreprocessor(mean=[1.0], std=[2.0], size=(8, 8))
    batch = preprocessor(dict(inputs=[torch.full((5, 8, 8), 7, dtype=torch.uint8)]))['inputs']
    assert torch.equal(batch, torch.full((1, 5, 8, 8), 3.0))
