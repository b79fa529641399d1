"""Turn a list of images into one normalised, padded batch."""

from collections.abc import Sequence
from itertools import zip_longest

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.models.atrous import aligned, corners_aligned
from mmdeeplab.models.buffer_pool import BufferPool
from mmdeeplab.models.upload import gathered, upload
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class DeepLabPreprocessor(BaseDataPreprocessor):
    """Stack images of any sizes, normalise them, and pad the batch as TensorFlow's DeepLab does.

    Images are padded with 0 *after* normalisation, which equals TF's padding with the mean pixel;
    labels are padded with ``seg_pad_val``. The padding lies at the bottom and the right
    (`research/deeplab/input_preprocess.py`); a flipped training image has it at the left, because
    TF flips last.

    Differs from mmseg's ``SegDataPreProcessor``: the images of a batch may have different sizes,
    they are normalised on the device, directly into the batch (on a CPU in memory of an earlier
    batch), labels may arrive as bytes, and a flip mirrors the padding.

    With TensorFlow's "SAME" padding, the maps of all strides have their corners on the corners of
    the image if its sides are 16 k + 1 (such as 513); with other sides labels would be shifted by
    up to half a stride. Therefore, if ``test_size`` has such sides, larger images are padded to
    such sides in evaluation as well.

    Args:
        mean: Mean of each channel on the images' scale (0..255 for 8 bits), in the order the
            network sees them.
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
        seg_pad_val: int = IGNORE_INDEX,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        self.size = tuple(size)
        self.test_size = tuple(test_size or size)
        self.seg_pad_val = seg_pad_val
        self.bgr_to_rgb = bgr_to_rgb
        self.pool = BufferPool()
        self.register_buffer('mean', _per_channel(mean), persistent=False)
        self.register_buffer('std', _per_channel(std), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Turn the samples that a data loader collected into one batch.

        Args:
            data: ``inputs``: N images (C, H_i, W_i); ``data_samples``: SegDataSamples or None; in
                evaluation possibly a ``test_size`` for these images alone.
            training: Also pad the labels.

        Returns:
            ``inputs``: float (N, C, H, W); ``data_samples`` with ``pad_shape`` and the
            ``img_padding_size`` [left, right, top, bottom] that post-processing cuts off.

        Raises:
            UserError: ``mean`` and ``std`` are not of the images' number of channels.
        """
        images: Sequence[Tensor] = list(data['inputs'])
        self._require_channels(images)
        samples = [self._copied(sample, training) for sample in data.get('data_samples') or ()]
        height, width = (max(image.shape[side] for image in images) for side in (1, 2))
        if training:
            height, width = max(height, self.size[0]), max(width, self.size[1])
        else:
            height, width = self.padded_size(height, width, data.get('test_size'))
        flipped = [training and sample.metainfo.get('flip', False) for sample in samples]
        lefts = [
            width - image.shape[2] if mirrored else 0
            for image, mirrored in zip_longest(images, flipped)
        ]
        batch = self._normalised(images, lefts, (height, width))
        for image, sample, left in zip(images, samples, lefts, strict=False):
            h, w = image.shape[1:]
            padding = [left, width - w - left, 0, height - h]
            sample.set_field((height, width), 'pad_shape', field_type='metainfo')
            sample.set_field(padding, 'img_padding_size', field_type='metainfo')
        labelled = [sample for sample in samples if training and 'gt_sem_seg' in sample]
        if labelled:
            labels = self._padded_labels([sample.gt_sem_seg.data for sample in labelled], labelled)
            for sample, label in zip(labelled, labels, strict=True):
                sample.gt_sem_seg = PixelData(data=label)
        return dict(inputs=batch, data_samples=samples or None)

    def _require_channels(self, images: Sequence[Tensor]) -> None:
        counts = {len(self.mean), len(self.std)} - {1} or {len(images[0])}
        for channels in map(len, images):
            if counts != {channels}:
                raise UserError(
                    f'data_preprocessor: an image has {channels} channels, but mean '
                    f'{len(self.mean)} values and std {len(self.std)}: name one for each channel '
                    'that the pipeline loads'
                )

    def _normalised(
        self, images: Sequence[Tensor], lefts: list[int], size: tuple[int, int]
    ) -> Tensor:
        """Normalise images (C, h_i, w_i) into one batch (N, C, H, W); ``lefts`` are their columns.

        Everything around the images is 0.
        """
        if self._are_uploaded(images):
            return self._normalised_on_gpu(images, lefts, size)
        batch = self._empty(len(images), len(images[0]), *size)
        if not all(image.shape[1:] == size for image in images):
            batch.zero_()
        for image, out, left in zip(self.cast_data(list(images)), batch, lefts, strict=True):
            h, w = image.shape[1:]
            self._normalise(image, out[:, :h, left : left + w])
        return batch

    def _are_uploaded(self, maps: Sequence[Tensor]) -> bool:
        """Whether maps on the host, all of one type, are to be copied to a GPU as one batch."""
        alike = {(tensor.dtype, len(tensor)) for tensor in maps}
        on_host = all(tensor.device.type == 'cpu' for tensor in maps)
        return self.device.type == 'cuda' and on_host and len(alike) == 1

    def _normalised_on_gpu(
        self, images: Sequence[Tensor], lefts: list[int], size: tuple[int, int]
    ) -> Tensor:
        places = [
            (slice(image.shape[1]), slice(left, left + image.shape[2]))
            for image, left in zip(images, lefts, strict=True)
        ]
        stored = gathered(images, places, size, 0, self.device)
        if self.bgr_to_rgb and stored.shape[1] == 3:
            stored = (stored if stored.dtype == torch.uint8 else stored.float()).flip(1)
        batch = self._empty(*stored.shape).copy_(stored).sub_(self.mean).div_(self.std)
        for out, image, (rows, columns) in zip(batch, images, places, strict=True):
            if image.shape[1:] != size:
                out[:, rows.stop :] = 0
                out[:, :, : columns.start] = 0
                out[:, :, columns.stop :] = 0
        return batch

    def _padded_labels(self, labels: list[Tensor], samples: list[SegDataSample]) -> list[Tensor]:
        paddings = [sample.img_padding_size for sample in samples]
        if not self._are_uploaded(labels):
            on_device = [label.to(self.device) for label in labels]
            return [self._pad_label(*pair) for pair in zip(on_device, paddings, strict=True)]
        height, width = samples[0].pad_shape
        places = [
            (slice(top, height - bottom), slice(left, width - right))
            for left, right, top, bottom in paddings
        ]
        size = height, width
        return list(gathered(labels, places, size, self.seg_pad_val, self.device).long())

    def _empty(self, *shape: int) -> Tensor:
        plain = self.mean.device.type == 'cpu' and self.mean.dtype == torch.float32
        return self.pool.empty(*shape) if plain else self.mean.new_empty(shape)

    def _copied(self, sample: SegDataSample, training: bool) -> SegDataSample:
        """A copy of a sample, on the device, so that changes do not reach the given one.

        In training the labels stay where they are: they are uploaded as one batch later.
        """
        copied = sample.clone()
        for name, value in sample.items():
            data = getattr(value, 'data', None)
            if (training and name == 'gt_sem_seg') or not isinstance(data, Tensor):
                continue
            if data.device != self.device:
                copied.set_data({name: PixelData(data=upload(data, self.device))})
        return copied

    def _normalise(self, image: Tensor, out: Tensor) -> None:
        means, stds = (b.flatten().expand(len(image)) for b in (self.mean, self.std))
        planes = image.unbind()[:: -1 if self.bgr_to_rgb and len(image) == 3 else 1]
        # Plane by plane: the three passes over a plane find it in the processor's cache.
        for plane, target, mean, std in zip(planes, out, means, stds, strict=True):
            target.copy_(plane).sub_(mean).div_(std)

    def padded_size(
        self, height: int, width: int, test_size: Sequence[int] | None = None
    ) -> tuple[int, int]:
        """(H, W) to which an evaluation pads an image of ``height`` x ``width`` pixels.

        ``test_size``, if given, replaces the preprocessor's own.
        """
        least = tuple(test_size or self.test_size)
        if corners_aligned(least):
            height, width = aligned(height), aligned(width)
        return max(height, least[0]), max(width, least[1])

    def _pad_label(self, label: Tensor, padding: list[int]) -> Tensor:
        """Pad a label map (1, h, w) of any integer type by [left, right, top, bottom], as int64."""
        if not any(padding):
            return label.long()
        left, right, top, bottom = padding
        *first, height, width = label.shape
        size = *first, height + top + bottom, width + left + right
        padded = label.new_full(size, self.seg_pad_val, dtype=torch.int64)
        padded[..., top : top + height, left : left + width] = label
        return padded


def _per_channel(values: Sequence[float]) -> Tensor:
    """Values of the channels as a float tensor (C, 1, 1), even where a config has integers."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
