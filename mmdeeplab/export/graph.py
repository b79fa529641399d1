"""The graphs that are exported: a network alone, or with its pre- and postprocessing."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate.artefact import EXAMPLE, ScoresGraph
from mmdeeplab.models.atrous import aligned, corners_aligned
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor


class ExportGraph(ScoresGraph):
    """A network from the normalised, padded image to its scores, as in evaluation.

    Input: float (N, bands, H, W). Output: ``logits``, float (N, C, H, W).

    Args:
        model: An :class:`mmseg.models.segmentors.EncoderDecoder`, which is copied.
        half: Whether to compute in float16; input and output are float32 in any case.
    """

    output = 'logits'

    def __init__(self, model: Any, half: bool = False) -> None:
        super().__init__(deepcopy(model).eval().requires_grad_(False))
        self.half_precision = half
        self.align_corners = model.decode_head.align_corners
        if half:
            self.model.half()

    def forward(self, image: Tensor) -> Tensor:
        x = image.half() if self.half_precision else image
        logits = super().forward(x)
        return F.interpolate(
            logits, image.shape[2:], mode='bilinear', align_corners=self.align_corners
        )


class PictureGraph(ExportGraph):
    """A network with its pre- and postprocessing, from the picture to its labels.

    Input: uint8 (N, H, W, bands), RGB first. It is normalised, and padded at the bottom and the
    right to the least size of the evaluation. Output: ``labels``, uint8 (N, H, W). If the network
    has a single channel, labels are 1 where its sigmoid is above the head's threshold.

    Args:
        model: An :class:`mmseg.models.segmentors.EncoderDecoder`, which is copied.
        half: Whether to compute in float16.
        pixels: Bands and depth if the network takes pictures as stored. Those of more than 8 bits
            are given as float32, which represents every uint16 exactly.
    """

    output = 'labels'
    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, half: bool = False, pixels: Pixels | None = None) -> None:
        super().__init__(model, half)
        preprocessor = preprocessor_of(model)
        deep = pixels is not None and pixels.depth != 'uint8'
        self.dtype = torch.float32 if deep else torch.uint8
        self.least = tuple(preprocessor.test_size)
        self.corners_aligned = corners_aligned(self.least)
        swap = self.bands > 3 or (self.bands == 3 and not preprocessor.bgr_to_rgb)
        swap = swap and pixels is None
        self.order = [2, 1, 0, *range(3, self.bands)] if swap else None
        self.register_buffer('mean', preprocessor.mean.clone())
        self.register_buffer('std', preprocessor.std.clone())

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:3]
        x = image.permute(0, 3, 1, 2).float()
        x = ((x if self.order is None else x[:, self.order]) - self.mean) / self.std
        x = F.pad(x, (0, self.lack(width, self.least[1]), 0, self.lack(height, self.least[0])))
        scores = super().forward(x)
        if self.model.out_channels == 1:
            labels = scores[:, 0].sigmoid() > self.model.decode_head.threshold
        else:
            labels = scores.argmax(1)
        return crop(labels.to(torch.uint8), height, width)

    def lack(self, side: Any, least: int) -> Any:
        """By how many pixels the evaluation pads a side, which may be symbolic, at its end."""
        padded: Any = aligned(side) if self.corners_aligned else side
        if isinstance(side, Tensor):  # torch.jit.trace
            return padded.clamp(min=least) - side
        return torch.sym_max(padded, least) - side

    def example(self, size: Sequence[int] | None) -> Tensor:
        return torch.zeros(1 if size else 2, *(size or EXAMPLE), self.bands, dtype=self.dtype)

    def axes(self) -> tuple[int, ...]:
        return (0, 1, 2)


def build_graph(
    model: Any, processing: bool, half: bool = False, pixels: Pixels | None = None
) -> ExportGraph:
    """Build the graph that is exported, with or without pre- and postprocessing.

    Raises:
        UserError: The network's preprocessor is not ours, so its exported form would differ.
    """
    preprocessor_of(model)
    return PictureGraph(model, half, pixels) if processing else ExportGraph(model, half)


def preprocessor_of(model: Any) -> DeepLabPreprocessor:
    """The data preprocessor of a network.

    Raises:
        UserError: It is not ours.
    """
    preprocessor = model.data_preprocessor
    if not isinstance(preprocessor, DeepLabPreprocessor):
        name = type(preprocessor).__name__
        raise UserError(f'export needs a mmdeeplab.DeepLabPreprocessor, this config has a {name}')
    return preprocessor


def crop(labels: Tensor, height: Any, width: Any) -> Tensor:
    """The first ``height`` rows and ``width`` columns of labels (N, H, W)."""
    if torch.jit.is_tracing():
        return labels[:, :height, :width]
    # torch.export would restrict a slice to sizes at which it really cuts
    rows = torch.arange(height, device=labels.device)
    columns = torch.arange(width, device=labels.device)
    return labels.index_select(1, rows).index_select(2, columns)
