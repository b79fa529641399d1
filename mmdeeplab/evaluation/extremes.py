"""Keep the predictions of the best and the worst images during an evaluation."""

import base64
import json
import zlib
from bisect import bisect, insort
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmdeeplab.evaluation.per_image import all_rows


class Kept(NamedTuple):
    """The compressed label map of an image; sorting gives the highest score first.

    Attributes:
        loss: The negative score.
        path: The image.
        shape: (H, W).
        dtype: NumPy's name for the type of the label map.
        data: The bytes of the label map, compressed by zlib.
    """

    loss: float
    path: str
    shape: tuple[int, int]
    dtype: str
    data: bytes

    def labels(self) -> np.ndarray:
        """The label map (H, W)."""
        raw = np.frombuffer(zlib.decompress(self.data), self.dtype)
        return raw.reshape(self.shape).copy()


class Extremes:
    """Keeps the predictions of the images with the highest and the lowest scores.

    Images with equal scores are ordered by their paths. A compressed label map of VOC's size takes
    a few kilobytes.

    Args:
        count: Number of best and of worst images; 0 keeps nothing.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._images: list[Kept] = []

    def add(self, path: str, score: float | None, prediction: Tensor) -> None:
        """Keep the prediction of an image, if it is among the best or the worst so far.

        Args:
            path: The image.
            score: The score, higher is better; without one the image is not kept.
            prediction: (H, W) class ids.
        """
        if score is None or not self.count or not self._has_room(-score, path):
            return
        labels = prediction.cpu().numpy()
        labels = labels.astype(np.min_scalar_type(int(labels.max(initial=0))))
        data = zlib.compress(labels.tobytes(), 1)
        height, width = labels.shape
        self._insert(Kept(-score, path, (height, width), dtype=labels.dtype.str, data=data))

    def _has_room(self, loss: float, path: str) -> bool:
        place = bisect([image[:2] for image in self._images], (loss, path))
        return len(self._images) < 2 * self.count or place != self.count

    def _insert(self, new: Kept) -> None:
        """Insert an image, and drop the one that is no longer among the best or the worst."""
        insort(self._images, new)
        if len(self._images) > 2 * self.count:
            del self._images[self.count]

    def gather(self) -> Mapping[str, Kept]:
        """The best and the worst images of all ranks, by path; ranks exchange tensors of bytes."""
        rows = [[*image[:-1], base64.b64encode(image.data).decode()] for image in self._images]
        encoded = torch.frombuffer(bytearray(json.dumps(rows).encode()), dtype=torch.uint8)
        joined = Extremes(self.count)
        for part in all_rows(encoded):
            for loss, path, shape, dtype, data in json.loads(part.numpy().tobytes()):
                pixels = base64.b64decode(data)
                joined._insert(Kept(loss, path, tuple(shape), dtype=dtype, data=pixels))
        return {image.path: image for image in joined._images}
