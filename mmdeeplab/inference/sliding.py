"""Run a network over overlapping windows of an image, even one whose logits exceed the memory."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.errors import UserError, choose
from mmdeeplab.finite import require_finite_logits
from mmdeeplab.inference.boundary_argmax import label_dtype
from mmdeeplab.inference.labels import makes_labels, predict_labels
from mmdeeplab.inference.windows import blend_profile, total_weight, window_starts
from mmdeeplab.models.segmentors.wrapper import SegmentorWrapper
from mmdeeplab.registry import MODELS

MODES = ('auto', 'slide', 'bands')


class Windowed(Protocol):
    """An image (C, H, W), a tensor or a file, of which windows ``image[:, a:b, c:d]`` are read."""

    shape: Any

    def __getitem__(self, cut: tuple[slice, slice, slice]) -> Tensor: ...


@MODELS.register_module()
class SlidingWindows(SegmentorWrapper):
    """Cut images into overlapping windows, and average the logits of a network over them.

    The windows are cut row by row. The image stays uint8; only the windows of one pass are float.
    Once no later window reaches a row of pixels, the averaged logits of this row are final. The
    mode ``slide`` keeps all of them and gives the same results as the network alone. ``bands``
    keeps only the labels, so that it needs memory for the logits of one row of windows: C x window
    x width. With uniform weights the average is that of mmsegmentation's ``slide_inference``.

    Takes the same data as the network alone. A window that is smaller than the preprocessor's
    ``test_size`` is padded to it, and the padding is cut off again.

    Args:
        module: The segmentor, or one wrapped for several scales.
        mode: ``slide``, ``bands``, or ``auto``: images go through the network as a whole; ``bands``
            for those whose logits would take more than ``limit`` bytes.
        window: (H, W) of a window.
        stride: (H, W) from one window to the next.
        blend: Weights of a window's pixels (:func:`mmdeeplab.inference.windows.blend_profile`).
        batch: Number of windows in one forward pass.
        limit: Bytes of logits up to which ``auto`` does not cut an image.
        labels_only: Whether results of images that are not cut may lack ``seg_logits``, too.

    Raises:
        ValueError: The mode or the blend is unknown, or the stride leaves gaps.
    """

    def __init__(
        self,
        module: dict,
        mode: str = 'auto',
        window: Sequence[int] = (513, 513),
        stride: Sequence[int] = (342, 342),
        blend: str = 'hann',
        batch: int = 4,
        limit: int = 2**30,
        labels_only: bool = False,
        **kwargs: object,
    ) -> None:
        choose('mode', mode, MODES)
        if not all(0 < step <= side for step, side in zip(stride, window, strict=True)):
            raise ValueError(f'stride must be 1..window, got {tuple(stride)} for {tuple(window)}')
        blend_profile(blend, 1)
        super().__init__(module, **kwargs)
        self.mode, self.blend, self.batch, self.limit = mode, blend, batch, limit
        self.window, self.stride = tuple(window), tuple(stride)
        self.labels_only = labels_only

    @property
    def network(self) -> EncoderDecoder:
        return unwrap(self.module)

    @torch.no_grad()
    def test_step(self, data: dict) -> list[SegDataSample]:
        """Predict a batch: images (3, H, W) uint8 of any sizes."""
        images = data['inputs']
        cut = [self.cuts(*image.shape[1:]) for image in images]
        if not any(cut):
            if self.labels_only and makes_labels(self.module):
                return predict_labels(self.module, data)
            return self.module.test_step(data)
        samples = data.get('data_samples') or [
            SegDataSample(metainfo=dict(ori_shape=tuple(image.shape[1:]))) for image in images
        ]
        pairs = zip(images, samples, strict=True)
        if not all(cut):
            alone = (data | dict(inputs=[image], data_samples=[sample]) for image, sample in pairs)
            return [result for one in alone for result in self.test_step(one)]
        predict = self._slide if self.mode == 'slide' else self._label_bands
        return [predict(image, sample) for image, sample in pairs]

    def cuts(self, height: int, width: int) -> bool:
        """Whether an image of this size is cut into windows."""
        return self.mode != 'auto' or 4 * self.network.out_channels * height * width > self.limit

    def in_bands(self, height: int, width: int) -> bool:
        """Whether an image of this size is cut into bands; its result has no ``seg_logits``."""
        return self.mode != 'slide' and self.cuts(height, width)

    def _slide(self, image: Tensor, sample: SegDataSample) -> SegDataSample:
        """Predict an image by windows, keeping all logits (C, H, W)."""
        logits: Tensor | None = None
        for top, rows in self.bands(image):
            if logits is None:
                logits = rows.new_empty(len(rows), *image.shape[1:])
            logits[:, top : top + rows.shape[1]] = rows
        assert logits is not None
        shape = tuple(image.shape[1:])
        sample.set_metainfo(dict(pad_shape=shape, img_padding_size=[0, 0, 0, 0]))
        (result,) = self.network.postprocess_result(logits[None], [sample])
        return result

    def _label_bands(self, image: Tensor, sample: SegDataSample) -> SegDataSample:
        """Predict an image by windows, keeping only the labels (1, H, W)."""
        if tuple(sample.ori_shape) != tuple(image.shape[1:]):
            raise UserError(
                f'{sample.get("img_path", "an image")}: --mode bands works at the size of the '
                'labels; take a protocol that does not resize images'
            )
        labels = torch.empty(image.shape[1:], dtype=label_dtype(self.network.out_channels))
        for top, band in self.label_bands(image, sample):
            labels[top : top + len(band)] = band
        sample.set_data(dict(pred_sem_seg=PixelData(data=labels[None])))
        return sample

    def label_bands(
        self, image: Windowed, sample: SegDataSample | dict
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield labels from the top: the first row of a band, and the band's labels (rows, W).

        Args:
            image: The image (C, H, W).
            sample: The sample, whose ``img_path`` is for messages.

        Raises:
            UserError: The logits are not finite.
        """
        for top, rows in self.bands(image):
            largest, labels = self.largest(rows)
            require_finite_logits(largest, sample)
            yield top, labels

    def largest(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The largest score and its label, (h, W) each, of logits (C, h, W).

        A single channel is the score of the foreground.
        """
        if len(logits) == 1:
            return logits[0], logits[0].sigmoid() > self.network.decode_head.threshold
        largest, labels = logits.max(0)  # several times as fast as argmax along a first axis
        return largest, labels

    def bands(self, image: Windowed) -> Iterator[tuple[int, Tensor]]:
        """Yield logits from the top: the first row of a band, and its final logits (C, rows, W).

        They are in a buffer that the next band overwrites.
        """
        sides = tuple(image.shape[1:])
        size = tuple(map(min, self.window, sides))
        tops, lefts = map(window_starts, sides, size, self.stride)
        profiles = [blend_profile(self.blend, length) for length in size]
        weight = torch.outer(*profiles).float()
        down, across = map(total_weight, sides, (tops, lefts), profiles)
        buffer: Tensor | None = None
        for top, after in zip(tops, [*tops[1:], sides[0]], strict=True):
            for left, logits in self._row(image, top, lefts, size):
                if buffer is None:
                    buffer = logits.new_zeros(len(logits), size[0], sides[1])
                    weight = weight.to(logits.device)
                buffer[:, :, left : left + size[1]].addcmul_(logits, weight)
            assert buffer is not None
            final = after - top
            total = torch.outer(down[top:after], across).float().to(buffer.device)
            yield top, buffer[:, :final].div_(total)
            for start in range(0, size[0], final):  # forward by non-overlapping copies
                moved = buffer[:, start + final : start + 2 * final]
                buffer[:, start : start + moved.shape[1]] = moved
            buffer[:, size[0] - final :] = 0

    def _row(
        self, image: Windowed, top: int, lefts: list[int], size: tuple[int, ...]
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield the logits (C, h, w) of the windows in one row, ``batch`` of them per pass."""
        for i in range(0, len(lefts), self.batch):
            batch = lefts[i : i + self.batch]
            crops = [image[:, top : top + size[0], left : left + size[1]] for left in batch]
            yield from zip(batch, self.window_logits(crops), strict=True)

    def window_logits(self, crops: list[Tensor], least: tuple[int, int] | None = None) -> Tensor:
        """The logits (n, C, h, w) float32 of n crops (3, h, w) of the same size.

        Args:
            crops: The crops with the image's values.
            least: (H, W) to which they are padded at least; by default the preprocessor's.
        """
        height, width = crops[0].shape[1:]
        data = dict(inputs=crops, test_size=least)
        inputs = self.network.data_preprocessor(data, False)['inputs']
        padded = tuple(inputs.shape[2:])
        metas = [dict(ori_shape=padded, img_shape=padded, pad_shape=padded)] * len(crops)
        return self.module.encode_decode(inputs, metas)[..., :height, :width].float()
