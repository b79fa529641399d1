"""The last steps of a training pipeline: flip, and pack the sample with its labels as bytes."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import RandomFlip as MMCVRandomFlip
from mmengine.dataset import Compose
from mmengine.structures import PixelData
from mmseg.datasets import PackSegInputs
from mmseg.structures import SegDataSample

from mmdeeplab.errors import UserError
from mmdeeplab.registry import TRANSFORMS

DISTORTION = dict(type='PhotoMetricDistortion', _scope_='mmseg')
CODES = dict(horizontal=1, vertical=0, diagonal=-1)


@TRANSFORMS.register_module()
class RandomFlip(MMCVRandomFlip):
    """mmcv's ``RandomFlip``, faster: the same random draws and pixels.

    OpenCV mirrors image and masks; mmcv's negative strides would make the next step copy pixel by
    pixel. The probabilities of the directions are summed once, not for each image.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        directions = [self.direction] if isinstance(self.direction, str) else list(self.direction)
        count = len(directions)
        chances = self.prob if isinstance(self.prob, list) else [self.prob / count] * count
        self.outcomes = [*directions, None]
        cumulative = np.cumsum([*chances, 1 - sum(chances)])
        self.cumulative = cumulative / cumulative[-1]

    def _choose_direction(self) -> str | None:
        """Draw a direction, None for no flip, as ``np.random.choice`` would."""
        place = self.cumulative.searchsorted(np.random.random_sample(), side='right')
        return self.outcomes[int(place)]

    def _flip(self, results: dict) -> None:
        code = CODES[results['flip_direction']]
        image = results['img']
        results['img'] = cv2.flip(image, code).reshape(image.shape)  # OpenCV drops a single band
        for key in results.get('seg_fields', []):
            results[key] = self._swapped(cv2.flip(results[key], code))

    def _swapped(self, labels: np.ndarray) -> np.ndarray:
        """The labels with the two ids of each pair of ``swap_seg_labels`` exchanged."""
        if not self.swap_seg_labels:
            return labels
        swapped = labels.copy()
        for one, other in self.swap_seg_labels:
            swapped[labels == one] = other
            swapped[labels == other] = one
        return swapped


@TRANSFORMS.register_module()
class PackTraining(PackSegInputs):
    """mmseg's ``PackSegInputs`` for training, with labels in one byte each instead of eight.

    Gives ``inputs`` (C, H, W) of the image's type and ``data_samples.gt_sem_seg`` (1, H, W) uint8,
    which :class:`~mmdeeplab.models.data_preprocessor.DeepLabPreprocessor` turns into int64.
    """

    def transform(self, results: dict) -> dict:
        sample = SegDataSample()
        if 'gt_seg_map' in results:
            label = torch.from_numpy(np.ascontiguousarray(results['gt_seg_map']))[None]
            sample.gt_sem_seg = PixelData(data=label)
        for key in self.meta_keys:
            if key in results:
                sample.set_field(results[key], key, field_type='metainfo')
        return dict(inputs=as_planes(results['img']), data_samples=sample)


@TRANSFORMS.register_module()
class PackTwoViews(PackTraining):
    """The end of a pipeline without masks: the image as it is, and changed further.

    ``inputs`` is the strong view, after ``transforms``; ``data_samples.weak_view`` (C, H, W) is the
    image before them, by which a teacher labels it
    (:class:`mmdeeplab.engine.teachers.mean_teacher.MeanTeacherHook`).

    Args:
        transforms: Change the image's values, not its geometry; by default mmseg's
            ``PhotoMetricDistortion``: brightness, contrast, saturation, hue, each by chance.
        kwargs: mmseg's ``PackSegInputs``.

    Raises:
        UserError: A transform has changed the size.
    """

    def __init__(self, transforms: Sequence[dict] = (DISTORTION,), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strong = Compose(list(transforms))

    def transform(self, results: dict) -> dict:
        weak = as_planes(results['img'])
        packed = super().transform(self.strong(dict(results)))
        if packed['inputs'].shape != weak.shape:
            raise UserError('PackTwoViews: a transform of the strong view has changed the size')
        packed['data_samples'].weak_view = PixelData(data=weak)
        return packed


def as_planes(image: np.ndarray) -> torch.Tensor:
    """(H, W, C) -> (C, H, W), copied."""
    height, width, channels = image.shape
    planes = np.empty((channels, height, width), image.dtype)
    cv2.split(image, list(planes))  # writes into the planes
    return torch.from_numpy(planes)
