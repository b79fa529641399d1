"""Compare an engine with the plain network."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.inference.accelerate.parity import ParityReport, Tolerance, compare, score_gap
from mmdeeplab.inference.labels import labels_of_logits
from mmdeeplab.spread import spread

Engine = Callable[[Tensor], Tensor]
COMPARED = 8  # pictures


class CalibrationPicture(NamedTuple):
    """A network's input (1, C, H, W), and the mask (h, w) of class ids, if there is one.

    Both have the same upper left corner; the mask does not cover the padding.
    """

    image: Tensor
    mask: Tensor | None = None


class EngineCheck:
    """Holds scores and labels of the plain network, and compares those of engines with them.

    Args:
        network: The plain network, in evaluation.
        pictures: The pictures; up to 8 of them, evenly spread, are used.
    """

    @torch.no_grad()
    def __init__(self, network: EncoderDecoder, pictures: Sequence[CalibrationPicture]) -> None:
        self.network = network
        self.pictures = spread(pictures, COMPARED)
        self.scores = [network(picture.image, mode='tensor') for picture in self.pictures]
        self.labels = list(map(self._labels, self.scores, self.pictures))

    def report(self, engine: Engine, tolerance: Tolerance) -> ParityReport:
        """By how much an engine differs, and a fault for whatever exceeds the tolerance."""
        scores = [engine(picture.image) for picture in self.pictures]
        return compare(
            self.labels,
            list(map(self._labels, scores, self.pictures)),
            [(f'calibration picture {i}', p.mask) for i, p in enumerate(self.pictures)],
            self.network.num_classes,
            tolerance,
            difference=max(map(score_gap, self.scores, scores)),
            largest=max(float(expected.abs().max()) for expected in self.scores),
        )

    def _labels(self, scores: Tensor, picture: CalibrationPicture) -> Tensor:
        size, corners = picture.image.shape[2:], self.network.align_corners
        if scores.shape[1] > 1:
            return labels_of_logits(scores[0], size, [0] * 4, size, corners).long()
        full = F.interpolate(scores, size, mode='bilinear', align_corners=corners)
        return (full[0, 0].sigmoid() > self.network.decode_head.threshold).long()


def of_other_sizes(image: Tensor) -> list[CalibrationPicture]:
    """Smaller versions of a picture (1, C, H, W), none square, with odd and even sides, and a batch
    of two.

    Strided layers treat odd and even sides differently, and a converted network must work at other
    sizes than the one that it was converted with.
    """
    height, width = (min(max(side // 2, 49), 257) for side in image.shape[2:])
    sizes = [(height + i, width + 8 + j) for i in (0, 1) for j in (0, 1)]
    images = [
        F.interpolate(image[:1], size, mode='bilinear', align_corners=False) for size in sizes
    ]
    return [CalibrationPicture(x) for x in [*images, images[0].expand(2, -1, -1, -1)]]
