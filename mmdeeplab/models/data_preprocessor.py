"""From a list of uint8 images to one normalised, padded batch."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import PixelData
from torch import Tensor

from mmdeeplab.models.atrous import aligned, corners_aligned
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class DeepLabPreprocessor(BaseDataPreprocessor):
    """Stack images of any sizes, normalise them, and pad the batch as TensorFlow's DeepLab does.

    Padding is added *after* normalisation with 0, which equals TF's padding with the mean pixel;
    labels are padded with ``seg_pad_val``. It lies at the bottom and the right (`research/deeplab/
    input_preprocess.py`); a flipped training image has it at the left, because TF flips last.

    Differs from mmseg's ``SegDataPreProcessor``: batches of unequal sizes are welcome, images are
    normalised on the device into one buffer, labels may travel as bytes, and a flip mirrors the
    padding.

    Networks with TensorFlow's "SAME" padding put the samples of all strides on the corners of the
    image when its sides are 16 k + 1 (513 is). Where ``test_size`` has such sides, larger images of
    an evaluation get them, too; with others, labels would lie up to half a stride off.

    Args:
        mean: Mean of each channel on the 0..255 scale, in the order the network sees them.
        std: Divisor of each channel.
        size: (H, W) to which every training batch is padded at least.
        test_size: The same in evaluation; ``size`` by default.
        bgr_to_rgb: Images come as BGR (OpenCV's order).
        seg_pad_val: Label of padding.
        non_blocking: Do not wait for copies to the device.
    """

    def __init__(
        self,
        mean: Sequence[float] = (127.5,) * 3,
        std: Sequence[float] = (127.5,) * 3,
        size: Sequence[int] = (513, 513),
        test_size: Sequence[int] | None = None,
        bgr_to_rgb: bool = True,
        seg_pad_val: int = 255,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        self.size = tuple(size)
        self.test_size = tuple(test_size or size)
        self.seg_pad_val = seg_pad_val
        self.bgr_to_rgb = bgr_to_rgb
        self.register_buffer('mean', _per_channel(mean), persistent=False)
        self.register_buffer('std', _per_channel(std), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make a batch.

        Args:
            data: ``inputs``: N images (C, H_i, W_i); ``data_samples``: SegDataSamples or None.
            training: Also pad the labels.

        Returns:
            ``inputs``: float (N, C, H, W); ``data_samples`` with ``pad_shape`` and the
            ``img_padding_size`` [left, right, top, bottom] that post-processing cuts off.
        """
        data = self.cast_data(data)
        images: Sequence[Tensor] = data['inputs']
        samples = data.get('data_samples') or []
        height, width = (max(image.shape[side] for image in images) for side in (1, 2))
        if training:
            height, width = max(height, self.size[0]), max(width, self.size[1])
        else:
            height, width = self.padded_size(height, width)
        full = all(image.shape[1:] == (height, width) for image in images)
        make = self.mean.new_empty if full else self.mean.new_zeros
        batch = make(len(images), images[0].shape[0], height, width)
        for i, image in enumerate(images):
            h, w = image.shape[1:]
            flipped = training and samples[i].metainfo.get('flip', False)
            left = width - w if flipped else 0
            self._normalise(image, batch[i, :, :h, left : left + w])
            if samples:
                padding = [left, width - w - left, 0, height - h]
                samples[i].set_metainfo(dict(pad_shape=(height, width), img_padding_size=padding))
                if training:
                    self._pad_label(samples[i].gt_sem_seg, padding)
        return dict(inputs=batch, data_samples=samples or None)

    def _normalise(self, image: Tensor, out: Tensor) -> None:
        # Plane by plane: the three passes over one find it in the cache.
        mean, std = (value.expand(len(image), 1, 1) for value in (self.mean, self.std))
        planes = image.unbind()[::-1] if self.bgr_to_rgb and len(image) == 3 else image.unbind()
        for number, plane in enumerate(planes):
            out[number].copy_(plane).sub_(mean[number]).div_(std[number])

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) to which an evaluation pads an image."""
        least = self.test_size
        if corners_aligned(least):
            height, width = aligned(height), aligned(width)
        return max(height, least[0]), max(width, least[1])

    def _pad_label(self, label: PixelData, padding: list[int]) -> None:
        padded = torch.nn.functional.pad(label.data, padding, value=self.seg_pad_val)
        del label.data
        label.data = padded.long()  # PackTraining sends bytes


def _per_channel(values: Sequence[float]) -> Tensor:
    """(C, 1, 1), float also when a config writes whole numbers."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
